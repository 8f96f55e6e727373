"""The command line of crmc: its commands, their options, and their messages."""

"""The paper held against crmc: every equation (`equations`), every number (`numbers`), as text, JSON and a figure."""

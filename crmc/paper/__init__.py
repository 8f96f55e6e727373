"""Compare Zweibel (2020) with crmc: every equation (`equations`) and number (`numbers`), as text, JSON and a figure."""

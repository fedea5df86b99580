"""airbot as it runs: `airbot` in the foreground, and one cycle with `--once`.

opening.py  who may, the locks, the database
parts.py    what is made and joined
gate.py     whether Airbnb may be asked, and what its troubles mean
hours.py    what SYNC did, in one line an hour
once.py     one cycle
dry_run.py  one reading, on a copy
service.py  the scheduler, signals, the order of stopping
watch.py    the main thread's rounds: watchdog, status, repeated lines
notify.py   what the service manager is told
reconnect.py  a person's turn, in a window or in a page

Nothing is imported here: `airbot status` takes opening.py alone, and must be quick.
"""

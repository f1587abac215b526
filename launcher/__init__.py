"""Everything behind `manage_all.py`: it brings the whole platform up, keeps it running, tests it, takes it down.

`system.py` is the table of what there is. `bootstrap.py` runs before anything is installed.
"""

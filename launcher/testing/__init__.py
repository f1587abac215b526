"""`manage_all.py test`: static checks, every project's unit tests, and the tests of the whole platform."""

"""What browsers accept where somebody is going to read what comes."""

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

"""What a user would take instead of this platform, set up by us to be measured beside it. Nothing of it is kept in git."""

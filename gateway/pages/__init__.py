"""What the gateway answers itself: health, the API's index and description, problem pages."""

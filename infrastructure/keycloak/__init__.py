"""The realm `microcommerce`: one source, two files."""

"""How each store is prepared, started and reached. One module a store: `prepare`, `specification`, `initialise`."""

-- The basket with what is known of its products.
return answer('ok', load(KEYS[1]))

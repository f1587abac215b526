"""The contract, row by row, and the tests that hold each: `test_the_table.py` sees to it that they exist.

Who may call what is held for every row of section 3 by `test_roles.py::test_who_may_do_what`, and that wrong
input changes nothing by `test_bad_input.py`.
"""

# fmt: off
HTTP = {
    "GET /api/products/": [
        "test_catalogue.py::test_products_are_found_by_words_category_and_price", "test_contract.py::test_ordering",
        "test_pages.py::test_a_page_holds_no_more_than_a_hundred"],
    "GET /api/products/{product}/": ["test_contract.py::test_one", "test_catalogue.py::test_a_new_product_has_an_address_and_a_tag"],
    "POST /api/products/": [
        "test_catalogue.py::test_a_new_product_has_an_address_and_a_tag", "test_contract.py::test_everything_that_is_wrong_is_said_at_once"],
    "PUT /api/products/{product}/": ["test_contract.py::test_a_stale_tag", "test_catalogue.py::test_two_managers_change_a_product"],
    "PATCH /api/products/{product}/": ["test_contract.py::test_a_stale_tag", "test_catalogue.py::test_two_managers_change_a_product"],
    "DELETE /api/products/{product}/": [
        "test_contract.py::test_archived_twice", "test_rejection.py::test_an_archived_product_is_not_sold_but_still_shown"],
    "PUT /api/products/{product}/picture/": ["test_pictures.py::test_a_manager_uploads_a_picture"],
    "DELETE /api/products/{product}/picture/": ["test_pictures.py::test_a_manager_uploads_a_picture"],
    "GET /api/categories/": ["test_pages.py::test_links_lead_through_a_list_on_the_gateways_address"],
    "GET /api/categories/{category}/": ["test_contract.py::test_a_life"],
    "POST /api/categories/": ["test_contract.py::test_a_life"],
    "PUT /api/categories/{category}/": ["test_contract.py::test_a_life"],
    "PATCH /api/categories/{category}/": ["test_contract.py::test_a_life"],
    "DELETE /api/categories/{category}/": ["test_contract.py::test_a_life"],
    "POST /api/categories/{category}/products/": ["test_contract.py::test_products_in_and_out"],
    "DELETE /api/categories/{category}/products/{product}/": ["test_contract.py::test_products_in_and_out"],
    "GET /api/stock/": ["test_stock_desk.py::test_levels_of_several_products_at_once"],
    "GET /api/stock/{product}/": ["test_roles.py::test_only_a_manager_sees_more_of_a_level"],
    "PUT /api/stock/{product}/": ["test_contract.py::test_fewer_than_are_reserved"],
    "POST /api/stock/{product}/adjustments/": [
        "test_stock_desk.py::test_every_movement_is_in_the_ledger", "test_stock_desk.py::test_an_adjustment_that_is_sent_twice_counts_once"],
    "GET /api/stock/{product}/movements/": ["test_stock_desk.py::test_every_movement_is_in_the_ledger"],
    "GET /api/basket/": ["test_contract.py::test_empty", "test_contract.py::test_a_line"],
    "PUT /api/basket/": ["test_contract.py::test_the_whole"],
    "PUT /api/basket/items/{product}/": ["test_contract.py::test_a_line", "test_contract.py::test_an_archived_product"],
    "DELETE /api/basket/items/{product}/": ["test_contract.py::test_a_line"],
    "DELETE /api/basket/": ["test_contract.py::test_the_whole"],
    "POST /api/orders/": [
        "test_contract.py::test_placed", "test_contract.py::test_an_idempotency_key_of_255_characters",
        "test_ordering_once.py::test_the_same_key_gives_the_first_answer_again", "test_ordering_once.py::test_an_empty_basket_is_not_ordered",
        "test_ordering_once.py::test_one_version_of_a_basket_is_ordered_once",
        "test_prices.py::test_a_price_that_changed_is_said_before_it_is_charged"],
    "GET /api/orders/": [
        "test_contract.py::test_filters", "test_contract.py::test_pages_while_others_are_placed",
        "test_life_of_an_order.py::test_orders_are_listed_newest_first_and_filtered"],
    "GET /api/orders/{order}/": ["test_contract.py::test_placed", "test_roles.py::test_lists_hold_what_is_the_callers_own"],
    "POST /api/orders/{order}/cancel/": [
        "test_contract.py::test_from_state_to_state", "test_cancelling.py::test_after_it_was_confirmed",
        "test_cancelling.py::test_by_the_manager", "test_cancelling.py::test_not_once_it_was_shipped"],
    "POST /api/orders/{order}/ship/": ["test_contract.py::test_from_state_to_state"],
    "POST /api/orders/{order}/deliver/": ["test_contract.py::test_from_state_to_state"],
    "GET /api/sagas/": ["test_contract.py::test_for_the_owner_and_for_managers"],
    "GET /api/sagas/{saga}/": ["test_contract.py::test_for_the_owner_and_for_managers", "test_life_of_an_order.py::test_from_the_shelf_to_the_door"],
    "POST /api/sagas/{saga}/retry/": ["test_contract.py::test_one_that_waits_is_woken"],
    "GET /api/dead-letters/": ["test_poison.py::test_poison_is_given_up_with_a_reason"],
    "GET /api/dead-letters/{letter}/": ["test_poison.py::test_a_manager_replays_and_discards"],
    "POST /api/dead-letters/{letter}/replay/": ["test_poison.py::test_a_manager_replays_and_discards"],
    "POST /api/dead-letters/{letter}/discard/": ["test_poison.py::test_a_manager_replays_and_discards"],
    "GET /api/notifications/": ["test_contract.py::test_told_and_read", "test_life_of_an_order.py::test_notifications_are_listed_and_marked_as_read"],
    "POST /api/notifications/{notification}/read/": ["test_contract.py::test_told_and_read"],
    "GET /health": ["test_health.py::test_the_gateway_sums_up_all_services_and_stores"],
    "GET /health/live": ["test_health.py::test_every_process_answers_probes_and_is_measured"],
    "GET /health/ready": ["test_health.py::test_every_process_answers_probes_and_is_measured"],
    "GET /metrics": ["test_health.py::test_measurements_are_for_the_inside_only"],
}

SENTENCES = {
    "3: every list is paged, with links on the gateway's address": ["test_pages.py::test_links_lead_through_a_list_on_the_gateways_address"],
    "3: newest first where time matters": ["test_pages.py::test_following_the_links_shows_everything_once"],
    "3: money, times and ids": ["test_contract.py::test_times_money_and_ids"],
    "4: authenticated by a session cookie": ["test_browser.py::test_a_page_of_ours_hears_its_own_notifications"],
    "4: by Authorization": ["test_live_connection.py::test_two_windows_hear_the_same_and_nobody_else_does"],
    "4: by the subprotocol pair": ["test_live_connection.py::test_the_server_speaks_the_protocol_that_was_offered"],
    "4: never by a token in the URL": ["test_tokens.py::test_no_token_and_a_token_in_the_address"],
    "4: no or bad token, 4401": ["test_tokens.py::test_a_live_connection_with_a_token_that_is_not_good"],
    "4: a foreign Origin with a cookie, 403": ["test_live_connection.py::test_a_page_of_another_site_does_not_ride_on_a_cookie"],
    "4: what each message says": ["test_life_of_an_order.py::test_from_the_shelf_to_the_door"],
    "4: everything after `after`, then live, no gap, no duplicate": ["test_life_of_an_order.py::test_a_listener_that_comes_back_misses_nothing"],
    "4: closed with 4401 when the token expires": ["test_live_connection.py::test_it_ends_with_its_token"],
    "5: an unknown field is ignored": ["test_poison.py::test_a_field_that_nobody_knows_is_no_poison"],
    "5: a type for somebody else is skipped": ["test_poison.py::test_an_event_for_somebody_else_is_skipped"],
    "5: a newer major version or an unnamed type is a dead letter": ["test_poison.py::test_poison_is_given_up_with_a_reason"],
    "5: what was added since stays in the basket": ["test_life_of_an_order.py::test_what_was_added_since_stays_in_the_basket"],
    "2: refresh tokens rotate": ["test_sign_in.py::test_a_refresh_token_is_good_once"],
    "2: brute force is detected": ["test_sign_in.py::test_whoever_guesses_a_password_is_locked_out_for_a_while"],
    "2: registration, with the role customer": ["test_registration.py::test_a_newcomer_registers_and_buys"],
    "2: manager is granted, and includes customer": ["test_managers.py::test_a_customer_becomes_a_manager_and_a_customer_again"],
    "2: what makes a token good": ["test_tokens.py::test_a_token_that_is_not_good"],
    "2: identity headers are not believed": ["test_roles.py::test_headers_make_nobody_a_manager"],
}
# fmt: on

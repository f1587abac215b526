-- What a storefront asks for: the first 20 products with names, prices and whether there are any.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{"query":"{ search(input: {groupByProduct: true, take: 20, skip: 0}) { totalItems items { productId productName slug description inStock currencyCode priceWithTax { ... on PriceRange { min max } ... on SinglePrice { value } } } } }"}]]

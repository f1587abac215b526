// Fills an empty database with 100 products of one variant each, and writes the ids that buyers need to the file SEED_FILE.
const fs = require('fs');
const { bootstrap, ProductVariant, ShippingMethod, TransactionalConnection } = require('@vendure/core');
const { populate } = require('@vendure/core/cli');
const { config } = require('./config');

const PRODUCTS = 100;
const STOCK = 1_000_000;
const { SEED_FILE } = process.env;

const shop = {
  defaultLanguage: 'en',
  defaultZone: 'Europe',
  countries: [{ code: 'DE', name: 'Germany', zone: 'Europe' }],
  taxRates: [{ name: 'Standard', percentage: 20 }],
  shippingMethods: [{ name: 'Standard', price: 500 }],
  paymentMethods: [{
    name: 'settled-at-once',
    handler: { code: 'dummy-payment-handler', arguments: [{ name: 'automaticSettle', value: 'true' }] },
  }],
  collections: [],
};

function products() {
  const heading = 'name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,'
    + 'trackInventory,variantAssets,variantFacets';
  const lines = Array.from({ length: PRODUCTS }, (_, number) =>
    `Product ${number},product-${number},To be bought,,,,,sku-${number},12.50,Standard,${STOCK},true,,`);
  const file = `${SEED_FILE}.csv`;
  fs.writeFileSync(file, [heading, ...lines, ''].join('\n'));
  return file;
}

async function seed() {
  const app = await populate(() => bootstrap(config), shop, products());
  const database = app.get(TransactionalConnection).rawConnection;
  const variants = await database.getRepository(ProductVariant).find();
  const [shipping] = await database.getRepository(ShippingMethod).find();
  const found = { variants: variants.map(each => String(each.id)), shipping: String(shipping.id) };
  if (found.variants.length !== PRODUCTS) throw new Error(`${found.variants.length} variants were made`);
  fs.writeFileSync(SEED_FILE, JSON.stringify(found));
  await app.close();
}

seed().then(() => process.exit(0), error => {
  console.error(error);
  process.exit(1);
});

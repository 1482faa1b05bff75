import { join } from 'node:path';
import { utils, writeFile } from 'xlsx';

const [folder] = process.argv.slice(2);
const sheet = utils.aoa_to_sheet([
  ['name', 'price', 'link'],
  ['Ägypten', 12.5, { t: 's', v: 'page', l: { Target: 'https://example.com/' } }],
]);
const book = utils.book_new();
utils.book_append_sheet(book, sheet, 'Prices');
writeFile(book, join(folder, 'stored.xlsx'));
writeFile(book, join(folder, 'packed.xlsx'), { compression: true, bookSST: true });
writeFile(book, join(folder, 'table.csv'), { bookType: 'csv' });

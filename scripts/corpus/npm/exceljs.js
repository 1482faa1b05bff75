import { join } from 'node:path';
import exceljs from 'exceljs';

const [folder] = process.argv.slice(2);
const book = new exceljs.Workbook();
const sheet = book.addWorksheet('Prices', { views: [{ state: 'frozen', ySplit: 1 }] });
sheet.addRow(['name', 'price']);
sheet.addRow([{ text: 'page', hyperlink: 'https://example.com/' }, 12.5]);
sheet.getCell('A2').note = 'A note, for which Excel keeps a drawing in VML.';
await book.xlsx.writeFile(join(folder, 'book.xlsx'));

const streamed = new exceljs.stream.xlsx.WorkbookWriter({ filename: join(folder, 'streamed.xlsx') });
const rows = streamed.addWorksheet('Rows');
for (let row = 0; row < 2000; row++) rows.addRow([row, `row ${row}`, Math.sqrt(row)]).commit();
await streamed.commit();

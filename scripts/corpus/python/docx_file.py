import docx

document = docx.Document()
document.add_heading("A page by python-docx", 0)
document.add_paragraph("A paragraph.", style="List Bullet")
table = document.add_table(rows=2, cols=2)
table.cell(0, 0).text = "cell"
document.sections[0].header.paragraphs[0].text = "A header"
document.save("letter.docx")

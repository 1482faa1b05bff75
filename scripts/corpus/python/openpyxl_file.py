import openpyxl
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

book = openpyxl.Workbook()
sheet = book.active
for row in range(1, 50):
    sheet.append([row, row * row])
sheet["A1"].comment = Comment("A comment", "author")
sheet["C1"] = "=SUM(A1:A49)"
sheet["C2"].hyperlink = "https://example.com/"
chart = BarChart()
chart.add_data(Reference(sheet, min_col=2, min_row=1, max_row=49))
sheet.add_chart(chart, "E2")
book.save("chart.xlsx")

large = openpyxl.Workbook(write_only=True)
rows = large.create_sheet()
for row in range(5000):
    rows.append([row, f"row {row}"])
large.save("write-only.xlsx")

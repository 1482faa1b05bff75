import pptx

show = pptx.Presentation()
slide = show.slides.add_slide(show.slide_layouts[0])
slide.shapes.title.text = "A slide by python-pptx"
slide.notes_slide.notes_text_frame.text = "A note"
show.save("show.pptx")

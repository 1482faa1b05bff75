import io
import zipfile

with zipfile.ZipFile("packed.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("folder/", "")
    archive.writestr("folder/a.txt", "A text.\n" * 100)
    archive.writestr("Übersicht.txt", "Names in UTF-8.\n")
    archive.comment = b"A comment"

with zipfile.ZipFile("stored.zip", "w", zipfile.ZIP_STORED) as archive:
    archive.writestr("a.txt", "A text.\n")


class Pipe(io.RawIOBase):
    """A file that cannot seek, so that the sizes stand behind the content."""

    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def write(self, piece):
        return self.file.write(piece)


with open("streamed.zip", "wb") as file, zipfile.ZipFile(Pipe(file), "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("a.txt", "A text.\n" * 100)

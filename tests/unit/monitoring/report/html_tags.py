"""The tags and the text of a page, as a browser reads them."""

from html.parser import HTMLParser


class Tags(HTMLParser):
    """What a browser reads: tags with their attributes, and text outside of style and script."""

    def __init__(self, content):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

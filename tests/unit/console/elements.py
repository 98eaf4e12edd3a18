"""The elements of a page, as a browser reads them."""

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Elements(HTMLParser):
    """Checks that elements end in the order in which they begin; keeps those with attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.all = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.all.append((tag, dict(attrs)))
        if tag not in VOID and tag != "option":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID and tag != "option":
            assert self.open.pop() == tag

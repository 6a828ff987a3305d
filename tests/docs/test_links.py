"""Every link of every page leads somewhere, and every page can be found."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import anchors, links, page, pages
from tests.packaging.tree import ROOT

PAGES = sorted(str(path.relative_to(ROOT)) for path in pages())


def leads_nowhere(home: Path, link: str) -> bool:
    parts = urlsplit(link)
    if parts.scheme:
        return parts.scheme != "https"
    target = home.parent / unquote(parts.path) if parts.path else home
    if not target.exists():
        return True
    wanted = unquote(parts.fragment)
    return bool(wanted) and wanted not in anchors(target.read_text(encoding="utf-8"))


def test_the_pages_are_seen() -> None:
    assert {"README.md", "README.zh-CN.md", "CHANGELOG.md", "docs/architecture.md"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    assert [link for link in links(page(name)) if leads_nowhere(ROOT / name, link)] == []


@pytest.mark.parametrize(
    "link",
    ["http://example.com", "docs/none.md", "docs/http.md#nothing", "../README.md", "#nothing"],
)
def test_a_link_that_leads_nowhere_is_known_when_it_is_seen(link: str) -> None:
    assert leads_nowhere(ROOT / "README.md", link)


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_every_page_of_docs_is_linked_from_the_readme(readme: str) -> None:
    linked = {urlsplit(link).path for link in links(page(readme))}
    wanted = {str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")}
    assert wanted
    assert wanted - linked == set()

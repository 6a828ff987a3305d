"""Which tags of a card stand where, and the words that its properties may take, as data."""

# Gone since 1.0; sending one is answered with 200861.
REMOVED = frozenset({"note", "action", "fallback_text"})

ROOT_ONLY = frozenset({"table", "form"})
FORM_ONLY = frozenset({"multi_select_static", "multi_select_person"})
CONTAINERS = frozenset({"column_set", "collapsible_panel", "interactive_container", "form"})
INTERACTIVE = frozenset(
    {
        "button",
        "overflow",
        "select_static",
        "multi_select_static",
        "select_person",
        "multi_select_person",
        "date_picker",
        "picker_time",
        "picker_datetime",
        "input",
        "checker",
        "select_img",
    }
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOCALES = _words(
    "zh_cn en_us zh_hk zh_tw ja_jp id_id vi_vn th_th pt_br es_es ko_kr de_de fr_fr it_it ru_ru "
    "ms_my"
)

# https://open.feishu.cn/document/feishu-cards/enumerations-for-fields-related-to-color
COLOURS = _words(
    "blue carmine green indigo lime grey neutral orange purple red sunflower turquoise violet "
    "wathet yellow"
)
PLAIN_COLOURS = frozenset({"default", "white", "bg-white", "black"})
SHADES = frozenset({"50", *(str(n) for n in range(100, 1000, 100)), "350"})

TEXT_SIZES = _words(
    "heading-0 heading-1 heading-2 heading-3 heading-4 heading normal notation xxxx-large "
    "xxx-large xx-large x-large large medium small x-small"
)

ANGLES = frozenset({-180, -90, 90, 180})

"""What a card of JSON 2.0 may contain, as data.

Each part lists its properties with the kind of value they take; `!` marks a required one. A kind
is a name that `validate.py` knows, `enum:a|b`, `re:pattern`, `part:name` or `list:kind`.
https://open.feishu.cn/document/feishu-cards/card-json-v2-structure and the component pages of
the same guide.
"""

from collections.abc import Mapping

Part = Mapping[str, str]

# https://open.feishu.cn/document/feishu-cards/card-json-v2-structure ("limits")
MAX_ELEMENTS = 200
MAX_TABLES = 5
MAX_NESTING = 5
MAX_MARKDOWN_TABLES = 4
MAX_SHORT_TEXT = 100
MAX_INPUT_LENGTH = 1_000
MAX_TABLE_PAGE = 10
MAX_COLUMN_WEIGHT = 5

ELEMENT_ID = r"^[A-Za-z][A-Za-z0-9_]{0,19}$"

_PX = r"(-?\d{1,3}px)"
_MARGIN = rf"re:^({_PX}|0)( ({_PX}|0)){{0,3}}$"
_PADDING = r"re:^(\d{1,2}px|0|small|medium|large|extra_large)( (\d{1,2}px|0)){0,3}$"
_SPACING = r"re:^(small|medium|large|extra_large|\d{1,2}px)$"
_RADIUS = r"re:^(\d+px|\d+%)$"
_WIDTH = r"re:^(default|fill|auto|\d+px|\d+%)$"
_COLUMN_WIDTH = r"re:^(auto|weighted|\d+px)$"
_H_ALIGN = "enum:left|center|right"
_V_ALIGN = "enum:top|center|bottom"
_DIRECTION = "enum:vertical|horizontal"
_TEMPLATE = (
    "enum:blue|wathet|turquoise|green|yellow|orange|red|carmine|violet|purple|indigo|grey|default"
)
_TAG_COLOUR = (
    "enum:neutral|blue|turquoise|lime|orange|violet|indigo|wathet|green|yellow|red|purple|carmine"
)
_BUTTON = (
    "enum:default|primary|danger|text|primary_text|danger_text|primary_filled|danger_filled|laser"
)

_LAYOUT: Part = {
    "direction": _DIRECTION,
    "horizontal_spacing": _SPACING,
    "horizontal_align": _H_ALIGN,
    "vertical_spacing": _SPACING,
    "vertical_align": _V_ALIGN,
    "padding": _PADDING,
}
_CLICKABLE: Part = {"behaviors": "list:behavior", "confirm": "part:confirm", "width": _WIDTH}
_FIELD: Part = {**_CLICKABLE, "name": "str", "required": "bool", "disabled": "bool"}
_PICKER: Part = {**_FIELD, "placeholder": "short", "value": "obj"}

PARTS: Mapping[str, Part] = {
    "card": {
        "schema": "enum:2.0!",
        "config": "part:config",
        "card_link": "part:link",
        "header": "part:header",
        "body": "part:body",
    },
    "config": {
        "update_multi": "true",
        "enable_forward": "bool",
        "enable_forward_interaction": "bool",
        "width_mode": "enum:default|compact|fill",
        "use_custom_translation": "bool",
        "streaming_mode": "bool",
        "streaming_config": "obj",
        "summary": "part:summary",
        "locales": "list:locale",
        "style": "part:style",
    },
    "summary": {"content": "str", "i18n_content": "i18n"},
    "style": {"text_size": "obj", "color": "obj"},
    "link": {"url": "url", "pc_url": "url", "ios_url": "url", "android_url": "url"},
    "header": {
        "title": "rich!",
        "subtitle": "rich",
        "text_tag_list": "list:text_tag",
        "i18n_text_tag_list": "obj",
        "template": _TEMPLATE,
        "icon": "icon",
        "padding": _PADDING,
    },
    "text_tag": {
        "tag": "enum:text_tag!",
        "element_id": "element_id",
        "text": "rich!",
        "color": _TAG_COLOUR,
    },
    "body": {**_LAYOUT, "elements": "elements"},
    "text": {
        "tag": "str!",
        "element_id": "element_id",
        "content": "str",
        "i18n_content": "i18n",
        "text_size": "text_size",
        "text_color": "colour",
        "text_align": _H_ALIGN,
        "lines": "int",
    },
    "icon": {
        "tag": "enum:standard_icon|custom_icon!",
        "token": "str",
        "color": "colour",
        "img_key": "img_key",
        "size": "str",
    },
    "confirm": {"title": "plain!", "text": "plain!"},
    "callback": {"type": "enum:callback!", "value": "callback_value"},
    "open_url": {
        "type": "enum:open_url!",
        "default_url": "url",
        "pc_url": "url",
        "ios_url": "url",
        "android_url": "url",
    },
    "option": {"text": "short!", "icon": "icon", "value": "str!"},
    "overflow_option": {"text": "short!", "multi_url": "part:link", "value": "str"},
    "person_option": {"value": "user_id"},
    "img_option": {
        "img_key": "img_key!",
        "value": "str!",
        "disabled": "bool",
        "disabled_tips": "plain",
        "hover_tips": "plain",
    },
    "person_ref": {"id": "str!"},
    "img_ref": {"img_key": "img_key!"},
    "action": {"multi_url": "part:link"},
    "panel_header": {
        "title": "any_text!",
        "background_color": "colour",
        "width": r"re:^(fill|auto|auto_when_fold|\d+px)$",
        "vertical_align": _V_ALIGN,
        "padding": _PADDING,
        "position": "enum:top|bottom",
        "icon": "icon",
        "icon_position": "enum:left|right|follow_text",
        "icon_expanded_angle": "angle",
    },
    "border": {"color": "colour", "corner_radius": _RADIUS},
    "table_column": {
        "name": "str!",
        "display_name": "str",
        "i18n_display_name": "i18n",
        "data_type": "enum:text|lark_md|options|number|persons|date|markdown!",
        "width": r"re:^(auto|\d+px|\d+%)$",
        "vertical_align": _V_ALIGN,
        "horizontal_align": _H_ALIGN,
        "format": "part:number_format",
        "date_format": "str",
    },
    "number_format": {"precision": "int", "symbol": "str", "separator": "bool"},
    "header_style": {
        "text_align": _H_ALIGN,
        "text_size": "text_size",
        "background_style": "enum:none|grey",
        "text_color": "colour",
        "bold": "bool",
        "lines": "int",
    },
    "checked_style": {"show_strikethrough": "bool", "opacity": "num"},
    "button_area": {"pc_display_rule": "enum:always|on_hover", "buttons": "elements"},
    "person_icon": {"token": "str", "style": "obj"},
    "column": {
        **_LAYOUT,
        "tag": "enum:column!",
        "element_id": "element_id",
        "margin": _MARGIN,
        "background_style": "colour",
        "width": _COLUMN_WIDTH,
        "weight": "weight",
        "elements": "elements",
        "action": "part:action",
    },
}

# Every component may also have these.
COMMON: Part = {"tag": "str!", "element_id": "element_id", "margin": _MARGIN}

COMPONENTS: Mapping[str, Part] = {
    "markdown": {
        "content": "markdown!",
        "i18n_content": "i18n_markdown",
        "text_align": _H_ALIGN,
        "text_size": "text_size",
        "icon": "icon",
    },
    "div": {"text": "rich", "icon": "icon", "width": _WIDTH, "text_size": "obj"},
    "hr": {},
    "img": {
        "img_key": "img_key!",
        "i18n_img_key": "obj",
        "alt": "plain!",
        "title": "rich",
        "corner_radius": _RADIUS,
        "scale_type": "enum:crop_center|crop_top|fit_horizontal",
        "size": "str",
        "transparent": "bool",
        "preview": "bool",
        "mode": "str",
        "custom_width": "int",
        "compact_width": "bool",
    },
    "img_combination": {
        "combination_mode": "enum:double|triple|bisect|trisect!",
        "combination_transparent": "bool",
        "corner_radius": _RADIUS,
        "img_list": "list:part:img_ref!",
    },
    "person": {
        "size": "enum:extra_small|small|medium|large",
        "show_avatar": "bool",
        "show_name": "bool",
        "style": "enum:normal|capsule",
        "user_id": "user_id!",
    },
    "person_list": {
        "drop_invalid_user_id": "bool",
        "lines": "int",
        "show_name": "bool",
        "show_avatar": "bool",
        "size": "enum:extra_small|small|medium|large",
        "persons": "list:part:person_ref!",
        "icon": "icon",
        "ud_icon": "part:person_icon",
    },
    "chart": {
        "aspect_ratio": "enum:1:1|2:1|4:3|16:9",
        "color_theme": "enum:brand|rainbow|complementary|converse|primary",
        "chart_spec": "chart!",
        "preview": "bool",
        "height": r"re:^(auto|[1-9]\d{0,2}px)$",
    },
    "table": {
        "page_size": "page_size",
        "row_height": r"re:^(low|middle|high|auto|\d{2,3}px)$",
        "row_max_height": r"re:^\d{2,3}px$",
        "header_style": "part:header_style",
        "freeze_first_column": "bool",
        "columns": "list:part:table_column!",
        "rows": "list:obj!",
    },
    "column_set": {
        "horizontal_spacing": _SPACING,
        "horizontal_align": _H_ALIGN,
        "flex_mode": "enum:none|stretch|flow|bisect|trisect",
        "background_style": "colour",
        "action": "part:action",
        "columns": "list:column!",
    },
    "collapsible_panel": {
        **_LAYOUT,
        "expanded": "bool",
        "background_color": "colour",
        "header": "part:panel_header!",
        "border": "part:border",
        "elements": "elements",
    },
    "interactive_container": {
        **_LAYOUT,
        "width": r"re:^(fill|auto|\d+px)$",
        "height": r"re:^(auto|\d+px)$",
        "background_style": "colour",
        "has_border": "bool",
        "border_color": "colour",
        "corner_radius": _RADIUS,
        "behaviors": "list:behavior!",
        "hover_tips": "plain",
        "disabled": "bool",
        "disabled_tips": "plain",
        "confirm": "part:confirm",
        "elements": "elements!",
    },
    "form": {**_LAYOUT, "name": "str!", "elements": "elements!"},
    "button": {
        **_CLICKABLE,
        "name": "str",
        "disabled": "bool",
        "type": _BUTTON,
        "size": "enum:tiny|small|medium|large",
        "width": r"re:^(default|fill|[1-9]\d{2,}px)$",
        "text": "short",
        "icon": "icon",
        "hover_tips": "plain",
        "disabled_tips": "plain",
        "form_action_type": "enum:submit|reset",
    },
    "overflow": {**_CLICKABLE, "options": "list:part:overflow_option!"},
    "select_static": {
        **_FIELD,
        "type": "enum:default|text",
        "initial_option": "str",
        "initial_index": "int",
        "placeholder": "short",
        "options": "options",
    },
    "multi_select_static": {
        **_FIELD,
        "type": "enum:default|text",
        "placeholder": "short",
        "selected_values": "list:str",
        "options": "options",
    },
    "select_person": {
        **_FIELD,
        "type": "enum:default|text",
        "initial_option": "str",
        "placeholder": "short",
        "options": "list:part:person_option",
    },
    "multi_select_person": {
        **_FIELD,
        "type": "enum:default|text",
        "placeholder": "short",
        "selected_values": "list:str",
        "options": "list:part:person_option",
    },
    "date_picker": {**_PICKER, "initial_date": r"re:^\d{4}-\d{2}-\d{2}$"},
    "picker_time": {**_PICKER, "initial_time": r"re:^\d{2}:\d{2}$"},
    "picker_datetime": {
        **_PICKER,
        "initial_datetime": r"re:^\d{4}-\d{2}-\d{2} \d{2}:\d{2}$",
    },
    "input": {
        **_FIELD,
        "disabled_tips": "plain",
        "placeholder": "short",
        "default_value": "str",
        "i18n_default_value": "i18n",
        "max_length": "input_length",
        "input_type": "enum:text|multiline_text|password",
        "show_icon": "bool",
        "rows": "int",
        "auto_resize": "bool",
        "max_rows": "int",
        "label": "plain",
        "label_position": "enum:top|left",
        "value": "any",
    },
    "checker": {
        **_CLICKABLE,
        "name": "str",
        "disabled": "bool",
        "checked": "bool",
        "text": "rich",
        "overall_checkable": "bool",
        "button_area": "part:button_area",
        "checked_style": "part:checked_style",
        "padding": _PADDING,
        "hover_tips": "plain",
        "disabled_tips": "plain",
    },
    "select_img": {
        **_FIELD,
        "multi_select": "bool",
        "layout": "enum:stretch|bisect|trisect",
        "can_preview": "bool",
        "aspect_ratio": "enum:1:1|16:9|4:3",
        "disabled_tips": "plain",
        "value": "any",
        "options": "list:part:img_option!",
    },
    "audio": {
        "file_key": "str!",
        "i18n_file_key": "obj",
        "audio_id": "str",
        "disabled": "bool",
        "disabled_tips": "plain",
        "show_progress_bar": "bool",
        "show_time": "bool",
        "time_display": "str",
        "time_position": "str",
        "border": "obj",
        "style": "str",
        "padding": _PADDING,
        "background_style": "colour",
        "fill_color": "colour",
        "width": _WIDTH,
        "fallback": "obj",
    },
}

# The official 2.0 examples still show these; whether 2.0 accepts them is not documented.
LEGACY: Mapping[str, Part] = {
    "button": {"value": "any", "url": "str", "multi_url": "obj", "action_type": "str"},
    "div": {"fields": "list:obj"},
    "interactive_container": {"value": "any"},
    "overflow": {"value": "any"},
    "select_static": {"value": "any"},
}

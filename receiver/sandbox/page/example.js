// The card that the design view starts with.

const both = (zh, en) => ({ tag: "plain_text", content: zh, i18n_content: { zh_cn: zh, en_us: en } });
const md = (zh, en, extra = {}) => ({ tag: "markdown", content: zh, i18n_content: { zh_cn: zh, en_us: en ?? zh }, ...extra });
const column = (zh, en) => ({ tag: "column", width: "weighted", weight: 1, elements: [md(zh, en)] });
const option = (value, zh, en) => ({ value, text: both(zh, en) });

export const EXAMPLE_CARD = {
  schema: "2.0",
  config: { update_multi: true, summary: { content: "[严重] 磁盘将满 · db-3", i18n_content: { zh_cn: "[严重] 磁盘将满 · db-3", en_us: "[critical] Disk almost full · db-3" } } },
  header: {
    template: "red", title: both("磁盘将满", "Disk almost full"), subtitle: both("db-3 · 生产环境", "db-3 · production"),
    icon: { tag: "standard_icon", token: "warning_outlined", color: "red" },
    text_tag_list: [{ tag: "text_tag", text: both("严重", "critical"), color: "red" }],
  },
  body: {
    elements: [
      { tag: "column_set", flex_mode: "bisect", columns: [
        column("**位置**\n/var/lib/postgresql", "**Where**\n/var/lib/postgresql"),
        column("**已用**\n<font color='red'>96 %</font>", "**Used**\n<font color='red'>96 %</font>"),
      ] },
      md("- 可用空间仅剩 **4 GB**\n- [运行手册](https://example.com/runbook)", "- only **4 GB** free\n- [runbook](https://example.com/runbook)"),
      { tag: "hr" },
      { tag: "column_set", flex_mode: "flow", columns: [{ tag: "column", width: "auto", direction: "horizontal", elements: [
        { tag: "button", type: "primary_filled", text: both("认领", "Acknowledge"), behaviors: [{ type: "callback", value: { a: "ack" } }] },
        { tag: "overflow", options: [option("resolve", "标记为已处理", "Resolve"), option("escalate", "升级", "Escalate")] },
      ] }] },
    ],
  },
};

"""The page's sentences in English, and what they are in Chinese. Pure.

What daemons say of themselves (problems, refusals) stays as they say it: it is what an operator
searches the log and the documentation for.
"""

from collections.abc import Mapping
from typing import ClassVar

from blockd.hypertext.language import Sentences

CHINESE = {
    # the frame
    "State": "状态",
    "Platforms": "平台",
    "Why is this blocked?": "为何被封锁？",
    "History": "历史",
    "Read-only, and for this host alone. No record is kept of who asked for what.":
        "只读页面，仅供本机查看。不记录任何人查询过什么。",
    "Sections": "栏目",
    "Not found": "未找到",
    "There is nothing at this address.": "此地址没有内容。",
    # state
    "Both planes enforce generation {number}.": "两个平面都在执行第 {number} 代名单。",
    "The resolver enforces generation {number}; null routes are switched off.":
        "解析器正在执行第 {number} 代名单；空路由已关闭。",
    "The list is not enforced as it should be.": "名单没有得到应有的执行。",
    "The lists are refused; the last good one stays in force.":
        "名单被拒绝；上一份有效名单继续生效。",
    "In force": "生效内容",
    "generation": "代",
    "in force since": "生效时间",
    "holds": "包含",
    "{names} names and {prefixes} prefixes of {rules} rules":
        "{names} 个名称和 {prefixes} 个前缀，来自 {rules} 条规则",
    "from": "来源",
    "next expiry": "下次到期",
    "none": "无",
    "refused since": "被拒绝自",
    "last refused": "上次被拒绝",
    "Daemons": "守护进程",
    "daemon": "守护进程",
    "state": "状态",
    "compiler": "编译器",
    "resolver": "解析器",
    "routes": "路由",
    "notice": "通知服务",
    "ready": "就绪",
    "waiting": "等待中",
    "problem": "有问题",
    "not running": "未运行",
    "{count} names": "{count} 个名称",
    "{actual} of {desired} routes": "{desired} 条路由中的 {actual} 条",
    "Answers a second over the last hour, by outcome": "最近一小时每秒应答数，按结果分类",
    "Answers over the last hour": "最近一小时的应答",
    "outcome": "结果",
    "last hour": "最近一小时",
    "since the resolver's start": "自解析器启动以来",
    "blocked": "已封锁",
    "answered": "本地应答",
    "forwarded": "已转发",
    "turned away": "已拒答",
    "failed": "失败",
    "Most blocked": "封锁最多",
    "Nothing has been blocked since the resolver's start.": "自解析器启动以来没有封锁任何查询。",
    "Upstreams": "上游",
    "upstream": "上游",
    "sent": "已发送",
    "replied": "已应答",
    "timed out": "超时",
    "time to a reply": "应答时间",
    "silent": "无应答",
    "Null routes": "空路由",
    "desired": "应有",
    "actual": "实有",
    "missing": "缺失",
    "foreign, left alone": "他人所有，不予改动",
    "holes for what the gateway needs": "为网关自身所需留出的空洞",
    "rules that bypass them": "绕过它们的规则",
    "last full scan": "上次全面扫描",
    "last repair": "上次修复",
    # platforms
    "platform": "平台",
    "name": "名称",
    "list": "名单",
    "on the word of": "依据",
    "reference": "文号",
    "listed": "列入日期",
    "expires": "到期日期",
    "exception": "例外",
    "not enforced": "不执行",
    "would be {count}": "本会封锁 {count}",
    "Filter": "筛选",
    "Platform, name, list or reference": "平台、名称、名单或文号",
    "{count} platforms and exceptions": "{count} 个平台和例外",
    "{shown} of {count} platforms and exceptions": "{count} 个平台和例外中的 {shown} 个",
    "Only the first {most} are shown; filter for others.": "仅显示前 {most} 个；其余请筛选。",
    # search
    "Name, address or prefix": "名称、地址或前缀",
    "Search": "查询",
    "{what} is blocked": "{what} 已被封锁",
    "{what} is listed, but not enforced": "{what} 已列入名单，但不执行",
    "{what} is not blocked: it is excepted": "{what} 未被封锁：属于例外",
    "{what} is not blocked: no entry covers it": "{what} 未被封锁：没有条目涵盖它",
    "This cannot be looked up": "无法查询",
    "entry": "条目",
    "stands in": "位于",
    "reason": "理由",
    "basis": "性质",
    "order": "命令",
    "policy": "政策",
    "request": "请求",
    "contact": "联系方式",
    "{day}, at the end of that day, UTC": "{day} 当日结束时（UTC）",
    "This is what the list says. `blockd explain` also asks the resolver, which blocks answers that"
    " lead to listed names, and the kernel.":
        "以上是名单的内容。`blockd explain` 还会询问解析器（它也封锁指向名单内名称的应答）和内核。",
    # history
    "committed": "提交时间",
    "why": "原因",
    "added": "新增",
    "removed": "移除",
    "changed": "更改",
    "names": "名称",
    "prefixes": "前缀",
    "in force now": "当前生效",
    "accepted by {by}": "由 {by} 确认",
    "rollback to {number}": "回退到第 {number} 代",
    "expiry": "到期",
    "mended": "修复",
    "rollback": "回退",
    "Generation {number}": "第 {number} 代",
    "This is the first generation: everything in it was added.":
        "这是第一代：其中所有内容均为新增。",
    "The generation before it is not kept any more; these are the numbers of its record.":
        "前一代的内容已不再保留；以下数字来自其记录。",
    "Nothing that is enforced differs from the generation before.": "执行的内容与前一代没有差别。",
    "Added: {count}": "新增：{count}",
    "Removed: {count}": "移除：{count}",
    "Changed: {count}": "更改：{count}",
    "Only the first {most} are shown.": "仅显示前 {most} 个。",
    "There is no generation yet; run `blockd compile`.":
        "还没有任何一代；请运行 `blockd compile`。",
    "Sources": "来源文件",
    "source": "来源文件",
    "digest": "摘要",
    "left out": "已略去",
}  # fmt: skip
"""Every sentence of the page; one that is missing here is an error in either language's tests."""


class Words(Sentences):
    """One language of the page."""

    __slots__ = ()

    chinese: ClassVar[Mapping[str, str]] = CHINESE

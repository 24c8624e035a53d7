"""The notices' sentences in English, and what they are in Chinese. Pure."""

from collections.abc import Mapping
from typing import ClassVar

from blockd.hypertext.language import Sentences

CHINESE = {
    # a listed name
    "{name} is blocked": "{name} 已被封锁",
    "By order of {authority}, this network connects nobody to this site.":
        "根据 {authority} 的命令，本网络不为任何人连接该网站。",
    "By a policy of {authority}, this network connects nobody to this site.":
        "根据 {authority} 的政策，本网络不为任何人连接该网站。",
    "At the request of {authority}, this network connects nobody to this site.":
        "应 {authority} 的请求，本网络不为任何人连接该网站。",
    "It is on a list by which this network connects nobody to this site. On whose word, the list"
    " does not say.":
        "该网站位于一份名单上，本网络据此不为任何人连接该网站。名单未说明依据谁的决定。",
    "Nothing was sent to the site.": "没有任何内容发送到该网站。",
    "site": "网站",
    "entry": "条目",
    "platform": "平台",
    "list": "名单",
    "on the word of": "依据",
    "basis": "性质",
    "order": "命令",
    "policy": "政策",
    "request": "请求",
    "reference": "文号",
    "listed": "列入日期",
    "expires": "到期日期",
    "contact": "联系方式",
    "carried out by": "执行者",
    "{day}, at the end of that day, UTC": "{day} 当日结束时（UTC）",
    "If you think that this is a mistake": "如果您认为这是错误",
    "Turn to {contact}, and name what stands above.": "请联系 {contact}，并附上以上内容。",
    "The list names nobody to turn to: ask whoever runs this network, and name what stands above.":
        "名单未列出联系方式：请咨询本网络的运营者，并附上以上内容。",
    # anything else
    "Nothing is blocked under this name": "此名称下没有内容被封锁",
    "No list here names {name} itself. Either it leads to a name or an address that is listed, or"
    " it was taken off the list a moment ago: then try again in some minutes.":
        "本处的名单没有列出 {name} 本身。它可能指向名单内的名称或地址，也可能刚刚从名单中移除："
        "请过几分钟再试。",
    "This address tells why a site is blocked": "此地址说明网站为何被封锁",
    "Names that are blocked on this network lead here. You asked for none of them.":
        "本网络上被封锁的名称会指向此处。您访问的不是其中任何一个。",
    # both
    "No record is kept of who asked for what.": "不记录任何人访问过什么。",
}  # fmt: skip
"""Every sentence of the notices."""


class Words(Sentences):
    """One language of the notices."""

    __slots__ = ()

    chinese: ClassVar[Mapping[str, str]] = CHINESE

"""The generated corpus of `nerd demo` and `examples/quickstart.yaml`: news-like sentences in Chinese.

Names are put together from parts, so most names of the test set are in no
training sentence: a model must learn the context of a name, and its ending.
The same seed gives the same bytes on every machine.
"""

from collections.abc import Callable, Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path
from random import Random

SPLITS = {"train": 1600, "validation": 300, "test": 500}
"""Sentences a split."""

SEED = 2026

_SURNAMES = "赵钱孙李周吴郑王冯陈蒋沈韩杨朱秦许何吕张孔曹严金魏陶姜"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲志建国华玉云飞雪梅晓宁峰"
_PLACES = "青白云龙金银东西南北江河海山林石玉清明长安平永兴泰和新古春秋"
_PLACE_ENDS = ("市", "省", "县", "区", "镇", "村", "湖", "山", "岛", "港")
_TRADES = ("钢铁", "纺织", "电子", "水泥", "航运", "医药", "粮油", "机械", "化工", "建筑", "出版", "通信")
_ORG_ENDS = ("公司", "集团", "大学", "研究所", "银行", "委员会", "医院", "协会", "工厂", "学院")

_SENTENCES = (
    "{PER}昨日抵达{LOC}，开始为期三天的访问。",
    "据{ORG}介绍，今年的产量比去年增长一成。",
    "{ORG}与{ORG}在{LOC}签署了合作协议。",
    "记者{PER}从{LOC}报道：当地连日降雨，道路已经恢复通行。",
    "{PER}说，{LOC}的变化让人惊喜。",
    "来自{LOC}的{PER}获得了本届比赛的第一名。",
    "{ORG}的{PER}教授主持了这次会议。",
    "在{LOC}，{ORG}新建的厂房已经投入使用。",
    "{PER}、{PER}和{PER}出席了开幕式。",
    "{LOC}与{LOC}之间的铁路将于明年通车。",
    "今天上午，{ORG}召开座谈会，{PER}作了发言。",
    "{PER}出生在{LOC}，后来到{ORG}工作。",
    "从{LOC}出发的船队昨晚到达{LOC}。",
    "{ORG}决定把总部迁往{LOC}。",
    "{when}天气转凉，市民纷纷添置{goods}。",
    "{when}的会议强调，要把{goods}的质量放在重要的位置。",
    "{when}，{goods}的价格下降了百分之{number}。",
    "本次展览{when}开幕，共展出{goods}等{number}多件。",
    "{PER}同志，请你把这封信带给{PER}。",
    "去年冬天，{PER}在{ORG}做了手术，现在已经康复。",
    "{LOC}今年的茶叶产量创了新高，{ORG}派人前来收购。",
    "由{ORG}编写的教材受到{LOC}师生的欢迎。",
)

_WHEN = (
    "今天上午",
    "今天下午",
    "昨天上午",
    "昨天晚上",
    "上周",
    "本月",
    "上个月",
    "今年春天",
    "去年冬天",
    "节日期间",
)
_GOODS = (
    "粮食",
    "棉花",
    "茶叶",
    "煤炭",
    "家具",
    "衣物",
    "图书",
    "水果",
    "蔬菜",
    "丝绸",
    "瓷器",
    "药材",
    "木材",
    "自行车",
)
_DIGITS = "一二三四五六七八九"

Labelled = list[tuple[str, str]]
"""A sentence: each character and its tag."""


def write_demo(folder: Path) -> Path:
    """Write `quickstart.yaml` and the corpus that it names; what is there already is overwritten.

    Args:
        folder: it is made if necessary.

    Returns:
        The spec's path.
    """
    data = folder / "quickstart-data"
    data.mkdir(parents=True, exist_ok=True)
    drawn = sentences(Random(SEED))
    for split, count in SPLITS.items():
        text = "\n".join(conll(sentence) for sentence in islice(drawn, count))
        (data / f"{split}.txt").write_text(text, encoding="utf-8")
    spec = folder / "quickstart.yaml"
    spec.write_text(files("ner_operator.cli").joinpath("demo.yaml").read_text("utf-8"), encoding="utf-8")
    return spec


def sentences(random: Random) -> Iterator[Labelled]:
    """Sentences without end, no two of them equal."""
    seen: set[str] = set()
    while True:
        sentence = _filled(random, random.choice(_SENTENCES))
        text = "".join(character for character, _ in sentence)
        if text not in seen:
            seen.add(text)
            yield sentence


def conll(sentence: Labelled) -> str:
    """A character and its tag a line, and an empty line behind the last."""
    return "".join(f"{character} {tag}\n" for character, tag in sentence)


def _filled(random: Random, pattern: str) -> Labelled:
    """The pattern with a name in the place of each `{TYPE}`, and a word in that of each `{word}`."""
    labelled: Labelled = []
    for piece in pattern.replace("{", "\0{").replace("}", "}\0").split("\0"):
        kind = piece[1:-1] if piece.startswith("{") else ""
        if kind in _NAMES:
            name = _NAMES[kind](random)
            labelled += [(character, f"{'I' if at else 'B'}-{kind}") for at, character in enumerate(name)]
        else:
            words = _WORDS[kind](random) if kind else piece
            labelled += [(character, "O") for character in words]
    return labelled


def _person(random: Random) -> str:
    return random.choice(_SURNAMES) + "".join(random.sample(_GIVEN, random.choice((1, 2, 2))))


def _place(random: Random) -> str:
    return "".join(random.sample(_PLACES, 2)) + random.choice(_PLACE_ENDS)


def _organisation(random: Random) -> str:
    start = "".join(random.sample(_PLACES, 2))
    return start + random.choice(_TRADES) + random.choice(_ORG_ENDS)


_NAMES: dict[str, Callable[[Random], str]] = {"PER": _person, "LOC": _place, "ORG": _organisation}
_WORDS: dict[str, Callable[[Random], str]] = {
    "when": lambda random: random.choice(_WHEN),
    "goods": lambda random: random.choice(_GOODS),
    "number": lambda random: f"{random.choice(_DIGITS)}十{random.choice(_DIGITS)}",
}

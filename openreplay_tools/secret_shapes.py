r"""Secrets that are known by their own form, wherever they stand: keys of services, card and account numbers, JWTs.

`SHAPES` lists the rules with an example of each, `SERVICES` the services whose keys are known.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_FLAGS: Final = re.ASCII | re.IGNORECASE
MASK: Final = "[masked]"
MASKED_CARD: Final = "[masked card number]"
OPAQUE = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[a-z])[\w.~+/=%-]{16,}\Z", _FLAGS)
CREDENTIAL = re.compile(r"\S{20,}|(?=[^\s]*\d)\S{4,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret.

    Args:
        name: what it finds.
        about: where it finds it, and what it leaves.
        example: a text with such a secret, made up.
        masked: what is left of the example.
        sign: what the text in lower case must hold for that, found quickly.
        apply: returns the text with these secrets masked.
    """

    name: str
    about: str
    example: str
    masked: str
    sign: re.Pattern[str]
    apply: Callable[[str], str]


_START: Final = r"(?:(?<![a-z0-9_-])|(?<=%[0-9a-f]{2})|(?<=\\[nrt]))"


@dataclass(frozen=True, slots=True)
class Service:
    """The form in which a service writes its keys.

    Args:
        name: whose keys they are.
        pattern: from the first character to the last; letters in this case.
        example: made up.
    """

    name: str
    pattern: str
    example: str


_HEX: Final = "0123456789abcdef0123456789abcdef"
_LONG: Final = "Ab1" * 16
# Only forms that begin with letters nothing else begins with; all others are secret by the name they stand under.
SERVICES: Final = (
    Service("AWS", r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Za-z])", "AKIAIOSFODNN7EXAMPLE"),
    Service(
        "Stripe, OpenAI, Anthropic, OpenRouter, Clerk",
        r"(?:sk|rk|pk)[-_](?=[\w-]*\d)(?=[\w-]*[A-Z]|(?:[a-z_-]*\d){3})[\w-]{16,}+",
        "sk-ant-api03-" + _LONG,
    ),
    Service("Stripe webhooks", r"whsec_[\w+/=-]{16,}+", "whsec_" + _LONG),
    Service("GitHub", r"gh[pousr]_[0-9A-Za-z]{20,}+|github_pat_\w{20,}+", "ghp_" + _LONG),
    Service("GitLab", r"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct)-[\w-]{16,}+", "glpat-" + _LONG),
    Service("Slack", r"xox[a-z]-[\w-]{8,}+|xapp-\d-[\w-]{16,}+", "xapp-1-A0123456789-0123456789-abcdef"),
    Service("Google", r"AIza[\w-]{30,}+|ya29\.[\w-]{20,}+|GOCSPX-[\w-]{20,}+|1//0[\w-]{30,}+", "ya29." + _LONG),
    Service("Facebook", r"EAA[0-9A-Za-z]{80,}+", "EAAC" + _LONG * 2),
    Service("npm", r"npm_[0-9A-Za-z]{30,}+", "npm_" + _LONG),
    Service("PyPI", r"pypi-[\w-]{50,}+", "pypi-AgEIcHlwaS5vcmc" + _LONG),
    Service("RubyGems", r"rubygems_[0-9a-f]{48}", "rubygems_" + _HEX + "0123456789abcdef"),
    Service("Docker Hub", r"dckr_(?:pat|oat)_[\w-]{20,}+", "dckr_pat_" + _LONG),
    Service("Hugging Face", r"hf_[0-9A-Za-z]{30,}+", "hf_" + _LONG),
    Service("Groq", r"gsk_[0-9A-Za-z]{40,}+", "gsk_" + _LONG),
    Service("Perplexity", r"pplx-[0-9A-Za-z]{40,}+", "pplx-" + _LONG),
    Service("LangSmith", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}", "lsv2_pt_" + _HEX + "_0123456789"),
    Service("SendGrid", r"SG\.[\w-]{16,32}\.[\w-]{16,64}", "SG." + "Ab1" * 7 + "." + "Ab1" * 14),
    Service("Brevo", r"xkeysib-[0-9a-f]{64}-\w{16}", "xkeysib-" + _HEX * 2 + "-0123456789abcdef"),
    Service("Mailgun", r"key-[0-9a-f]{32}(?![0-9a-z])", "key-" + _HEX),
    Service("Mailchimp", r"[0-9a-f]{32}-us\d{1,2}(?!\w)", _HEX + "-us12"),
    Service("Twilio", r"SK[0-9a-f]{32}(?![0-9a-z])", "SK" + _HEX),
    Service("Telegram bots", r"(?:bot)?\d{8,10}:AA[\w-]{33}(?![\w-])", "123456789:AA" + "Ab1" * 11),
    Service("Shopify", r"shp(?:at|ca|pa|ss|tka)_[0-9a-fA-F]{32}", "shpat_" + _HEX),
    Service("Square", r"sq0[a-z]{3}-[\w-]{22,}+", "sq0atp-" + _LONG),
    Service("Shippo", r"shippo_(?:live|test)_[0-9a-fA-F]{40}", "shippo_live_" + _HEX + "01234567"),
    Service("DigitalOcean", r"do[opr]_v1_[0-9a-f]{64}", "dop_v1_" + _HEX * 2),
    Service("Databricks", r"dapi[0-9a-f]{32}(?:-\d)?(?![0-9a-z])", "dapi" + _HEX),
    Service("PlanetScale", r"pscale_(?:tkn|oauth|pw)_[\w=.-]{32,}+", "pscale_tkn_" + _LONG),
    Service("HashiCorp Vault", r"hv[bsr]\.[\w-]{24,}+", "hvs." + _LONG),
    Service("Doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}+", "dp.pt." + _LONG),
    Service("Atlassian", r"AT(?:ATT|CTT|BB)[\w=-]{28,}+", "ATATT3xFfGF0" + _LONG),
    Service("Linear", r"lin_(?:api|oauth)_[0-9A-Za-z]{32,}+", "lin_api_" + _LONG),
    Service("Notion", r"ntn_[0-9A-Za-z]{40,}+", "ntn_" + _LONG),
    Service("Postman", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "PMAK-" + _HEX[:24] + "-" + _HEX + "01"),
    Service("New Relic", r"NR(?:AK|II|JS|RA)-[0-9A-Za-z-]{19,}+", "NRAK-" + _LONG),
    Service("Sentry", r"sntry[su]_[\w+/=-]{40,}+", "sntryu_" + _HEX * 2),
    Service("Grafana", r"gl(?:c|sa)_[\w+/=-]{32,}+", "glsa_" + _LONG),
    Service("Dynatrace", r"dt0c01\.[0-9A-Z]{24}\.[0-9A-Z]{64}", "dt0c01." + "A1" * 12 + "." + "A1" * 32),
    Service("Figma", r"figd_[\w-]{30,}+", "figd_" + _LONG),
    Service("xAI", r"xai-[0-9A-Za-z]{30,}+", "xai-" + _LONG),
    Service("Replicate", r"r8_[0-9A-Za-z]{30,}+", "r8_" + _LONG),
    Service("Supabase", r"sbp_(?:v\d_)?[0-9a-f]{40}", "sbp_" + _HEX + "01234567"),
    Service("age", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}+", "AGE-SECRET-KEY-1" + "Q1" * 29),
    Service("Azure applications", r"[\w~.]{3}\dQ~[\w~.-]{31,34}", "Ab18Q~" + "Ab1" * 11),
)
# Who knows one of these addresses may write there.
_HOOK = re.compile(
    r"((?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
    r"|[\w.-]{1,100}\.webhook\.office\.com/webhookb2)/)[\w/@+-]{20,}+",
    _FLAGS,
)
# The last part of an address that lets its holder in: a UUID, or letters and digits without words between.
_DOOR = re.compile(
    r"((?:(?<![a-z0-9])|(?<=password)|(?<=email)|(?<=%2f))(?:reset|recover|invit|magic|verif|activat)[\w-]{0,40}(?:/|%2f)"
    r"(?:[a-z-]{1,20}(?:/|%2f))?)"
    r"(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|(?=[a-z_]*\d)(?=[0-9_]*[a-z])\w{16,200}+"
    r"|(?-i:(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*\d))[\w-]{20,200}+)(?=[\s/?#&\"'<>\\%,;:)}\]]|\.(?![\w\[])|\Z)",
    _FLAGS,
)
_ACCOUNT_KEY = re.compile(r"(account[_-]?key(?:=|%3d))[\w+/%-]{40,}+={0,2}", _FLAGS)
# What such keys hold up to their first mark, in lower case: few texts have one, and fewer have so much behind it.
_UP_TO_MARK: Final = tuple(
    "sk_ rk_ pk_ sec_ ghp_ gho_ ghu_ ghs_ ghr_ pat_ oat_ npm_ gems_ hf_ lsv2_ shpat_ shpca_ shppa_ shpss_ shptka_ ppo_ "
    "v1_ ale_ lin_ ntn_ rys_ ryu_ glc_ glsa_ sk- rk- pk- pat- oas- gldt- glrt- cbt- ptt- glft- imt- agent- soat- ffct- "
    "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xapp- spx- pypi- plx- sib- key- mak- rak- rii- rjs- rra- "
    "igd_ r8_ sbp_ xai- ya29. sg. hvs. hvb. hvr. dp. c01.".split()
)


def _behind(mark: str) -> str:
    return "|".join(f"(?<={re.escape(piece)})" for piece in _UP_TO_MARK if piece.endswith(mark))


KEY_SIGN: Final = (
    rf"_(?=[\w-]{{8}})(?:{_behind('_')})|-(?=[\w-]{{8}})(?:{_behind('-')})|\.(?=[\w-]{{2}})(?:{_behind('.')})"
    r"|akia|asia|abia|acca|aiza|at(?:att|ctt|bb)|eaa[0-9a-z]{8}|sk[0-9a-f]{8}|sq0|dapi[0-9a-f]{8}|1//0|:aa|q~|-us\d"
)
# A part of a path that is long enough to be what lets in.
DOOR_SIGN: Final = r"/(?=[\w-]{16})"
DIGITS_SIGN: Final = "|".join(rf"{digit}\d{{3}}(?:\d{{9}}|[ .+\xa0%-]\d{{4}})" for digit in range(10))
# What a key runs into goes with it, so that masking twice finds nothing more.
_KNOWN_KEY = re.compile(
    rf"{_START}(?-i:{'|'.join(service.pattern for service in SERVICES)})(?:[\w-]|\.(?=\w))*", _FLAGS
)
_USER_INFO = re.compile(r"(://[^\s/?#:@\"<>]{0,256}:)[^\s/?#\"<>]{1,256}@", re.ASCII)
_SCHEME = re.compile(r"\b(bearer|basic)(\s{1,4}|%20|\+)([\w.~+/=-]{3,}+)", _FLAGS)
_AFTER_SCHEME = re.compile(
    r"(?:auth(?:entication|orization)?|credentials?|tokens?|scheme|header|realm|error|scope)[=.]*\Z", _FLAGS
)
_JWT = re.compile(rf"{_START}([\w-]{{10,}}+)(?:\.[\w-]*+){{1,4}}", _FLAGS)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-\"'<>{}]|-(?!----))*"
    r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?"
)
_CARD = re.compile(
    r"(?:(?<![a-z0-9%+])|(?<=[a-z0-9]\+)|(?<=%[0-9a-f]{2})|(?<=\\[nrt]))(?<!%2b)(?<!\d\.)(?<!/session/)(?<!/sessions/)"
    r"(?:\d{13,16}|\d{19}|\d{4}(?P<gap>[ .+\xa0-]|%20)\d{4}(?P=gap)\d{4}(?P=gap)\d{4}(?:(?P=gap)\d{3})?"
    r"|\d{4}(?P<narrow>[ .+\xa0-]|%20)\d{6}(?P=narrow)\d{4,5})(?![a-z0-9])(?!\.\d)",
    _FLAGS,
)
# Issuers and their lengths. Nineteen digits only where no session id can be meant; thirteen of the old Visa cards only
# under a card's name, for European article numbers and phone numbers begin and end so too.
_ISSUER = re.compile(
    r"4\d{15}|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|6\d{15}|5[06-8]\d{11,14}"
    r"|(?:62|6011)\d+(?<=\d{19})",
    re.ASCII,
)
_IBAN_LENGTHS: Final = (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 HR21 LI21 LV21 BG22 BH22 CR22"
    " DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24"
    " TN24 VG24 LY25 PT25 ST25 IS26 TR26 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 PL28"
    " SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 MT31 SC31 LC32"
)
_IBAN = re.compile(
    r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))(?:"
    + "|".join(rf"{each[:2]}\d\d(?: ?[A-Z0-9]){{{int(each[2:]) - 4}}}" for each in _IBAN_LENGTHS.split())
    + r")(?![A-Za-z0-9])",
    re.ASCII,
)


def _mask_scheme(found: re.Match[str]) -> str:
    """Mask `Bearer …` and `Basic …`, but not `Basic authentication`."""
    scheme, gap, value = found.groups()
    if scheme.lower() == "basic":
        secret = _is_basic(value)
    else:
        secret = not _AFTER_SCHEME.match(value) and (scheme == "Bearer" or bool(CREDENTIAL.match(value)))
    return f"{scheme}{gap}{MASK}" if secret else found[0]


def _is_basic(value: str) -> bool:
    """Tell whether this is a user and a password in base64."""
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return bool(OPAQUE.match(value))
    return b":" in decoded and decoded.isascii()


def _mask_jwt(found: re.Match[str]) -> str:
    head = found[0].find("eyJ")
    return f"{found[0][:head]}[masked jwt]" if head >= 0 and "." in found[0][head:] else found[0]


def _mask_card(found: re.Match[str]) -> str:
    if is_card(found[0]):
        return MASKED_CARD
    shorter = found[0][: -3 - len(found["gap"])] if found["gap"] else ""
    return f"{MASKED_CARD}{found[0][len(shorter) :]}" if is_card(shorter) else found[0]


def is_card(written: str) -> bool:
    """Tell whether this is the number of a payment card, as far as issuer, length and check digit tell."""
    digits = re.sub(r"%20|[^0-9]", "", written)
    return bool(_ISSUER.fullmatch(digits)) and _is_checked(digits)


def is_short_card(written: str) -> bool:
    """Tell whether this may be the number of an old Visa card: thirteen digits, where a card's number is expected."""
    return bool(re.fullmatch(r"4\d{12}", written, re.ASCII)) and _is_checked(written)


def _is_checked(digits: str) -> bool:
    """Tell whether the last digit is the check digit of those before it."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def _mask_iban(found: re.Match[str]) -> str:
    plain = found[0].replace(" ", "")
    check = int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97
    return "[masked iban]" if check == 1 else found[0]


SHAPES: Final = (
    Rule(
        "passwords in addresses",
        "what stands between the user's name and the host",
        "https://bob:hunter2@shop.example/",
        f"https://bob:{MASK}@shop.example/",
        re.compile("://"),
        lambda text: _USER_INFO.sub(rf"\1{MASK}@", text),
    ),
    Rule(
        "webhook addresses",
        "of Slack, Discord and Microsoft Teams: who knows one may write there",
        "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
        f"https://hooks.slack.com/services/{MASK}",
        re.compile("hooks\\.slack|webhook"),
        lambda text: _HOOK.sub(rf"\1{MASK}", text),
    ),
    Rule(
        "addresses that let in",
        "behind reset, recover, invite, magic, verify or activate: letters and digits of 16 and more, or a UUID",
        "/reset-password/5f4dcc3b5aa765d61d8327deb882cf99?step=2",
        f"/reset-password/{MASK}?step=2",
        re.compile("reset|recover|invit|magic|verif|activat"),
        lambda text: _DOOR.sub(rf"\1{MASK}", text),
    ),
    Rule(
        "Azure storage keys",
        "behind AccountKey, 40 characters and more",
        f"AccountName=shop;AccountKey={_LONG}==;EndpointSuffix=x",
        f"AccountName=shop;AccountKey={MASK};EndpointSuffix=x",
        re.compile("account[_-]?key"),
        lambda text: _ACCOUNT_KEY.sub(rf"\1{MASK}", text),
    ),
    Rule(
        "bearer and basic credentials",
        "the value after the scheme, also outside of a header",
        "sent Bearer abc123def twice",
        f"sent Bearer {MASK} twice",
        re.compile("bearer|basic"),
        lambda text: _SCHEME.sub(_mask_scheme, text),
    ),
    Rule(
        "private keys",
        "from BEGIN to END, or to where the text is cut",
        "-----BEGIN PRIVATE KEY-----MIIEvQ-----END PRIVATE KEY-----",
        "[masked private key]",
        re.compile("-----begin"),
        lambda text: _PRIVATE_KEY.sub("[masked private key]", text),
    ),
    Rule(
        "JSON web tokens",
        "two to five parts of which the first is a JSON object in base64",
        "got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl",
        "got [masked jwt]",
        re.compile("eyj"),
        lambda text: _JWT.sub(_mask_jwt, text),
    ),
    Rule(
        "keys of known services",
        "by the letters they begin with; the services are listed below",
        f"use {SERVICES[0].example} for it",
        "use [masked key] for it",
        re.compile(KEY_SIGN, re.ASCII),
        lambda text: _KNOWN_KEY.sub("[masked key]", text),
    ),
    Rule(
        "payment card numbers",
        "14 to 19 digits of a known issuer whose check digit is right; 13 only under the name `card`",
        "paid with 4111 1111 1111 1111",
        f"paid with {MASKED_CARD}",
        re.compile(DIGITS_SIGN, re.ASCII),
        lambda text: _CARD.sub(_mask_card, text),
    ),
    Rule(
        "bank account numbers",
        "IBANs of their country's length whose check digits are right",
        "to DE89 3704 0044 0532 0130 00",
        "to [masked iban]",
        re.compile(r"[a-z]{2}\d\d ?[a-z0-9]", re.ASCII),
        lambda text: _IBAN.sub(_mask_iban, text),
    ),
)

"""Secrets never reach a model; what only looks like one stays readable."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from openreplay_tools.masking import RULES, mask, mask_tree
from openreplay_tools.secret_shapes import SERVICES

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
CARD = "4111111111111111"
SLASH = "\\"

MASKED = [
    # addresses
    ("https://a.example/x?token=abc&tab=2", "https://a.example/x?token=[masked]&tab=2"),
    ("/x?tab=2&access_token=abc#top", "/x?tab=2&access_token=[masked]#top"),
    ("/cb#id_token=abc&state=ok", "/cb#id_token=[masked]&state=ok"),
    ("/cb?code=4/0AX4XfWh&state=open", "/cb?code=[masked]&state=open"),
    ("/cb?state=af0ifjsldkj3r9d2k", "/cb?state=[masked]"),
    ("/x?api_key=a&apikey=b&apiKey=c&key=d", "/x?api_key=[masked]&apikey=[masked]&apiKey=[masked]&key=[masked]"),
    ("/x?sig=a&X-Amz-Signature=b&signature=c", "/x?sig=[masked]&X-Amz-Signature=[masked]&signature=[masked]"),
    (
        "?X-Amz-Credential=AK/2026&X-Amz-Security-Token=z&n=1",
        "?X-Amz-Credential=[masked]&X-Amz-Security-Token=[masked]&n=1",
    ),
    ("/x?sessionid=abc&session=def", "/x?sessionid=[masked]&session=[masked]"),
    ("/x;jsessionid=ABC?y=1", "/x;jsessionid=[masked]"),
    ("/x?a=1&amp;token=abc&amp;b=2", "/x?a=1&amp;token=[masked]&amp;b=2"),
    ("/x?a=1\\u0026token=abc\\u0026b=2", "/x?a=1\\u0026token=[masked]\\u0026b=2"),
    ("/go?to=https%3A%2F%2Fx%3Ftoken%3Dabc%26b%3D1", "/go?to=https%3A%2F%2Fx%3Ftoken%3D[masked]%26b%3D1"),
    ("https://bob:hunter2@a.example/x", "https://bob:[masked]@a.example/x"),
    ("postgres://u:p@ss@db/x", "postgres://u:[masked]@db/x"),
    # forms
    ("user=bob&password=hunter2&x=1", "user=bob&password=[masked]&x=1"),
    ("user%5Bpassword%5D=hunter2&x=1", "user%5Bpassword%5D=[masked]&x=1"),
    ("user[password]=it's&pin=1234", "user[password]=[masked]&pin=[masked]"),
    (
        "cvv=123&cvc=123&ssn=1&otp=2&passwd=3&pwd=4",
        "cvv=[masked]&cvc=[masked]&ssn=[masked]&otp=[masked]&passwd=[masked]&pwd=[masked]",
    ),
    # JSON and scripts
    ('{"password":"hunter2","a":1}', '{"password":"[masked]","a":1}'),
    ('{"newPassword": "a\\"b", "client_secret" : "x y"}', '{"newPassword": "[masked]", "client_secret" : "[masked]"}'),
    ('{"pin":1234,"otp": 99}', '{"pin":"[masked]","otp": "[masked]"}'),
    ('{"cookies":["a","b"],"token":{"v":1},"x":2}', '{"cookies":"[masked]","token":"[masked]","x":2}'),
    ('{"key":"0123456789abcdef"}', '{"key":"[masked]"}'),
    ('{"password":"cut sho', '{"password":"[masked]'),
    ('{"b":"{\\"password\\":\\"hun\\\\\\"ter2\\",\\"a\\":1}"}', '{"b":"{\\"password\\":\\"[masked]\\",\\"a\\":1}"}'),
    ('{"b":"{\\"token\\":\\"ab"}', '{"b":"{\\"token\\":\\"[masked]"}'),
    ("{&#34;token&#34;:&#34;abc&#34;,&#34;a&#34;:1}", "{&#34;token&#34;:&#34;[masked]&#34;,&#34;a&#34;:1}"),
    (
        "\\u0026#34;otp\\u0026#34;: \\u0026#34;12\\u0026#34;}",
        "\\u0026#34;otp\\u0026#34;: \\u0026#34;[masked]\\u0026#34;}",
    ),
    ("%7B%22password%22%3A%22hunter2%22%7D", "%7B%22password%22%3A%22[masked]%22%7D"),
    ("{password: 'hunter2', a: 1}", "{password: '[masked]', a: 1}"),
    ('token = "abc"', 'token = "[masked]"'),
    ("password: hunter2", "password: [masked]"),
    ('{"name":"token","value":"abc"}', '{"name":"token","value":"[masked]"}'),
    ('<input name="password" value="abc">', '<input name="password" value="[masked]">'),
    # headers
    ("Authorization: Bearer abc", "Authorization: [masked]"),
    ("authorization: abc\r\nHost: x", "authorization: [masked]\r\nHost: x"),
    ('{"Authorization":"Basic dTpw"}', '{"Authorization":"[masked]"}'),
    ("Cookie: a=b; c=d\r\nHost: x", "Cookie: [masked]\r\nHost: x"),
    ("Set-Cookie: sid=abc; Path=/", "Set-Cookie: [masked]"),
    ("X-Api-Key: abcd1234", "X-Api-Key: [masked]"),
    ("sent Bearer abcdef123 twice", "sent Bearer [masked] twice"),
    ("sent Basic dXNlcjpwYXNz twice", "sent Basic [masked] twice"),
    # shapes
    (f"got {JWT}.", "got [masked jwt]"),
    (f"%22{JWT}%22", "%22[masked jwt]%22"),
    (f"id={JWT}&x=1", "id=[masked jwt]&x=1"),
    ("AKIAIOSFODNN7EXAMPLE failed", "[masked key] failed"),
    ("sk-proj-abcdefghijkl1234", "[masked key]"),
    ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[masked key]"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[masked key]"),
    ("xoxb-123456789012-abcdef", "[masked key]"),
    ("a -----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY----- b", "a [masked private key] b"),
    ('"-----BEGIN PRIVATE KEY-----\\nMIIE"', '"[masked private key]"'),
    # cards and accounts
    (f"paid with {CARD}.", "paid with [masked card number]."),
    ("4111 1111 1111 1111 12/26", "[masked card number] 12/26"),
    ("4111-1111-1111-1111", "[masked card number]"),
    ("4111+1111+1111+1111", "[masked card number]"),
    ("3782 822463 10005", "[masked card number]"),
    (
        "378282246310005 30569309025904 3530111333300000",
        "[masked card number] [masked card number] [masked card number]",
    ),
    ("5555555555554444 2223003122003222", "[masked card number] [masked card number]"),
    ("6011111111111117", "[masked card number]"),
    (f'{{"card":"{CARD}"}}', '{"card":"[masked card number]"}'),
    (
        f'"{{{SLASH}"card{SLASH}":{SLASH}"{CARD}{SLASH}"}}"',
        f'"{{{SLASH}"card{SLASH}":{SLASH}"[masked card number]{SLASH}"}}"',
    ),
    (f"%22{CARD}%22", "%22[masked card number]%22"),
    (f"line{SLASH}n{CARD}", f"line{SLASH}n[masked card number]"),
    ("DE89 3704 0044 0532 0130 00 EUR", "[masked iban] EUR"),
    ("GB82WEST12345698765432", "[masked iban]"),
]

KEPT = [
    *("Basic plan2", "Basic functionality"),
    *("", "Pay later", "/checkout", "checkout_failed", "a=1&b=2", "https://a.example/x?page=2&sort=name"),
    # the words in prose and in names of other things
    *(
        "Invalid token: expired",
        "the word token in prose",
        "Your token has expired. Token required",
        "payment_token_invalid",
    ),
    *(
        "Password: required",
        "password must have 8 characters",
        "Cookies: we use cookies",
        "secret: none",
        "Basic authentication",
    ),
    *(
        "Bearer authentication failed",
        "bearer shares",
        "key: Enter",
        '{"key":"Enter"}',
        '{"key":"plan","value":"free"}',
    ),
    *(
        '{"code":500,"state":"open"}',
        "code=404",
        "/x?code=404",
        "/x?state=california",
        "shipping=123456",
        "?pinned=12",
        "?design=1",
    ),
    *(
        '{"token":null,"password":"","otp":false}',
        '{"max_tokens":4096,"token_type":"x"}',
        "primary_key=abc",
        '"keyboard":"x"',
    ),
    *("if (token === undefined)", "sk-loading-indicator-wrapper", "risk-assessment-2026-report-final", "Authors: 12"),
    '{"fields":["token","password"],"x":"y"}',
    # numbers
    *(
        "4113715799632532494",
        "https://o.example/1/session/4113715799632532494?jumpto=4056",
        "?session=4113715799632532494",
    ),
    *("/1/session/6221111111111111110", '{"session_id":"4113715799632532494"}'),
    *("1795082406000", "1795082406056", "1795082406056000", "order 1000000000000008", "4111111111111112", "$1,299.00"),
    *(
        "+49 1511 2345678",
        "+4915112345678",
        "(030) 1234-5678",
        "0.4111111111111111",
        "2026-11-20 17:42:48.123",
        "192.168.100.200",
    ),
    *(f"{CARD}0000", f"a{CARD}", f"{CARD}ab", f"12345{CARD}"),
    *(
        "550e8400-e29b-41d4-a716-446655440000",
        "00000000-0000-4000-8000-123412341234",
        "5f4dcc3b5aa765d61d8327deb882cf99",
    ),
    *(
        "DE89 3704 0044 0532 0130 01",
        "AB12CDEF34567890",
        "12:05",
        "a@b.example",
        "http://[::1]:8080/a@b",
        "app.js:19:27635",
    ),
]


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_a_secret_is_masked_and_its_name_kept(text, expected):
    assert mask(text) == expected
    assert mask(expected) == expected


@pytest.mark.parametrize("text", KEPT)
def test_what_only_looks_like_a_secret_is_kept(text):
    assert mask(text) is text or mask(text) == text


@pytest.mark.parametrize("depth", range(6))
def test_secrets_are_found_in_json_nested_in_strings(depth):
    text = json.dumps({"password": 'a"b\\', "card": CARD, "email": "a@b.example", "after": 'c"d'})
    masked = json.dumps(
        {"password": "[masked]", "card": "[masked card number]", "email": "a@b.example", "after": 'c"d'}
    )
    for _ in range(depth):
        text, masked = json.dumps({"body": text}), json.dumps({"body": masked})
    assert mask(text) == masked


def test_a_tree_is_masked_by_its_keys_and_its_texts():
    tree = {
        "token": {"a": 1},
        "password": "x",
        "pin": 1234,
        "otp": None,
        "user": {"apiKey": ["x"], "name": f"Ann {CARD}", "card": int(CARD), "age": 30, "ok": True},
        "headers": [{"name": "Cookie", "value": "a=b"}, {"name": "Accept", "value": "x"}],
        "key": "Enter",
        "session": "x",
        "body": '{"secret":"x"}',
        "shipping": 4,
    }
    before = json.dumps(tree)
    assert mask_tree(tree) == {
        "token": "[masked]",
        "password": "[masked]",
        "pin": "[masked]",
        "otp": None,
        "user": {
            "apiKey": "[masked]",
            "name": "Ann [masked card number]",
            "card": "[masked card number]",
            "age": 30,
            "ok": True,
        },
        "headers": [{"name": "Cookie", "value": "[masked]"}, {"name": "Accept", "value": "x"}],
        "key": "Enter",
        "session": "x",
        "body": '{"secret":"[masked]"}',
        "shipping": 4,
    }
    assert json.dumps(tree) == before
    assert mask_tree(mask_tree(tree)) == mask_tree(tree)


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", [], {}, [[]], 4113715799632532494])
def test_a_tree_without_secrets_is_equal(value):
    assert mask_tree(value) == value


def test_a_tree_may_be_deeper_than_the_stack():
    tree = "token=abc"
    for _ in range(5000):
        tree = [tree]
    masked = mask_tree(tree)
    for _ in range(5000):
        masked = masked[0]
    assert masked == "token=[masked]"


PIECES = [
    *("token", "password", "key", "code", "state", "pin", "session", "cookie", "Authorization", "value", "user"),
    *(
        "=",
        ":",
        "?",
        "&",
        "#",
        ";",
        " ",
        ", ",
        "\n",
        '"',
        "'",
        "\\",
        '\\"',
        "&#34;",
        "%22",
        "%3D",
        "%3A",
        "%26",
        "{",
        "}",
        "[",
        "]",
    ),
    *(
        "abc",
        "hunter2",
        CARD,
        "6212345678900000003",
        JWT,
        "Bearer",
        "Basic",
        "dXNlcjpwYXNz",
        "AKIAIOSFODNN7EXAMPLE",
        "-----",
    ),
    *("-----BEGIN PRIVATE KEY-----", "https://u:", "@", "/session/", "4111 1111", "DE89370400440532013000", "[masked]"),
    *("0123456789abcdefghij", "null", "_", "-", ".", "+", "masked", "jwt"),
    *(service.example for service in SERVICES),
    *("pass", "card", "state=", "?code=", "AccountKey=", "name=", " value=", "reset-password/", "sessionid", ":hover1"),
    *("%2F", "#", "4222222222222", "пароль", "verification", "CVV: 123", "seed phrase", "/verify/email/"),
    *("hooks.slack.com/services/", "discord.com/api/webhooks/", "x.webhook.office.com/webhookb2/", "auth", "csrf"),
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example('"pin":[masked]')
@example("AKIAIOSFODNN7EXAMPLE=4111111111111111token")
@example(f"{JWT}=abc")
@example(f"/verify/email/0123456789abcdefghij{JWT}")
@example("hvs." + "Ab1" * 16 + "пароль:hover1")
def test_masking_twice_changes_nothing_more(text):
    assert mask(mask(text)) == mask(text)


@given(st.text())
def test_any_text_can_be_masked(text):
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "token",
            "token:",
            "key:",
            "?state=",
            "cookie:",
            'key:"',
            "key:'\\\"",
            "pin:",
            '"token":[',
            '"token":{',
            '"key":[',
            "\\",
        ),
        *(
            "eyJ",
            "eyJa.",
            "sk-1",
            "://a:",
            "-----BEGIN PRIVATE KEY-----",
            "bearer ",
            "Basic a",
            "1",
            "4111 ",
            "DE89 3",
            "]",
            "%25",
        ),
        *(
            "token%3D%25",
            "token ",
            '"token",',
            "authorization: digest ",
            "ghp_a1",
            "SG.a.",
            "whsec_",
            "dp.pt.",
            "1//0",
            "hooks.slack.com/services/",
            "a.webhook",
            "abc0Q~",
            "0123456789abcdef-us",
            "123456789:AA",
            "lsv2_pt_",
            "EAA",
            "_-.",
            "password_",
            "xox-",
            "4111-1111-",
        ),
        *(
            "?code=a",
            "state=?code=a",
            " pass=",
            "'pass=",
            "card:",
            "card:'",
            "name=token value=",
            "#token:hover",
            "/reset",
        ),
        *("reset-", "/invite/a1", "%2freset", "accountkey=", "seed phrase: abc ", "contrase\\\\", "sk-a", "/verify/a-"),
    ],
)
def test_hostile_repetition_is_read_once(piece):
    masked = mask(piece * (200_000 // len(piece)))
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "name",
    [
        *(
            "token",
            "passwd",
            "password",
            "password_confirmation",
            "passphrase",
            "pwd",
            "secret",
            "api-key",
            "access_key",
        ),
        *("secretKey", "private_key", "signing_key", "encryption_key", "auth_key", "signature", "X-Amz-Credential"),
        *(
            "authorization",
            "cookie",
            "cookies",
            "JSESSIONID",
            "PHPSESSID",
            "card_number",
            "ccnum",
            "cardNo",
            "cvv2",
            "cvc",
        ),
        *("one_time_code", "securityCode", "sig", "otp", "totp", "pin", "user_pin", "userPin", "ssn", "iban", "jwt"),
        *("key", "pass", "sid", "session", "session_id", "sessionId"),
    ],
)
def test_every_secret_name_is_known(name):
    assert mask(f"/x?{name}=abcde&a=1") == f"/x?{name}=[masked]&a=1"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_says_what_it_does_and_its_example_shows_it(rule):
    assert rule.masked != rule.example
    assert "[masked" in rule.masked
    assert rule.sign.search(rule.example.lower()), "the quick look before the rule finds it"
    assert rule.apply(rule.example) == mask(rule.example) == rule.masked
    assert mask(rule.masked) == rule.masked
    assert 20 <= len(rule.about) <= 120, "one line"
    assert not rule.about.endswith("."), "a cell of a table"


def test_rules_have_names():
    assert len({rule.name for rule in RULES}) == len(RULES) >= 9


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
@pytest.mark.parametrize(
    "around", ["{}", "use {} now", '{{"x": "{}"}}', "/x?y={}&z=1", "a\\n{}\\nb", "%22{}%22", "({}),"]
)
def test_a_key_of_a_known_service_is_masked_wherever_it_stands(service, around):
    assert mask(around.format(service.example)) == around.format("[masked key]")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_part_of_another_word_is_no_key(service):
    assert "[masked" not in mask(f"word{service.example}")


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_beginning_of_a_key_alone_is_none(service):
    for length in range(1, 9):
        assert mask(f"see {service.example[:length]} there") == f"see {service.example[:length]} there"


def test_services_have_names_and_one_example_each():
    assert (
        len({service.name for service in SERVICES}) == len({service.example for service in SERVICES}) == len(SERVICES)
    )


@pytest.mark.parametrize(
    "text",
    [
        *("npm_config_cache", "hf_transfer", "key-value-store", "lin_space(0,1)", "sg.example.com", "hvs.stats"),
        *("sec_2_payment_step_opened", "v1_users_list_loaded", "AT&T ATTENTION ATTACHMENT", "EAA MEMBER EAACCOUNTS"),
        *(
            "SKU1234567",
            "SK-2026-11",
            "SKATEBOARDING",
            "en-us1",
            "pypi-server",
            "dapibus",
            "1//0",
            "12:34:aa",
            "id:AAA",
        ),
        *("xapp-list", "pat-1", "glsa_", "rubygems_org", "https://slack.com/webhooks", "our webhook failed"),
        *(
            "https://discord.com/api/webhooks",
            "POST /webhookb2/x",
            "?auth=google",
            "?auth=1",
            "author=Ann",
            "csrf failed",
        ),
        *("social security is a topic", "dp.pt.short", "page/1//0/x", "a.b.c.d_v1_e", "node_pk-1"),
    ],
)
def test_what_begins_like_a_key_is_kept(text):
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("?auth=ya-8f14e45fceea167a5a36dedd4bea2543", "?auth=[masked]"),
        ("_csrf=abc123&x=1", "_csrf=[masked]&x=1"),
        ("socialSecurityNumber=078-05-1120", "socialSecurityNumber=[masked]"),
        ('{"social_security": "078-05-1120"}', '{"social_security": "[masked]"}'),
        ("SAMLResponse=PHNhbWxwOlJlc3BvbnNl&RelayState=x", "SAMLResponse=[masked]&RelayState=x"),
        (
            "?X-Goog-Credential=a%40b&X-Goog-Signature=0a1b&X-Goog-Date=2026",
            "?X-Goog-Credential=[masked]&X-Goog-Signature=[masked]&X-Goog-Date=2026",
        ),
        (
            "https://x.blob.core.windows.net/a?sv=2026&sp=r&sig=aB%2Fc%3D",
            "https://x.blob.core.windows.net/a?sv=2026&sp=r&sig=[masked]",
        ),
        (
            "https://api.telegram.org/bot123456789:AA" + "Ab1" * 11 + "/getMe",
            "https://api.telegram.org/[masked key]/getMe",
        ),
        ("hooks.slack.com/services/T00/B00/XXXXXXXXXXXXXXXX ok", "hooks.slack.com/services/[masked] ok"),
        (
            "https://discord.com/api/webhooks/123456789012345678/abcdefghijklmnop",
            "https://discord.com/api/webhooks/[masked]",
        ),
    ],
)
def test_further_names_and_addresses_are_known(text, expected):
    assert mask(text) == expected
    assert mask(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("/p/4006381333931", "phone 4915112345678", "ean=4006381333931", '{"ean": 4006381333931}', "4222222222222"),
        *("?code=SUMMER2026", "?code=DE", "?code=NOT_FOUND", "/oops?code=ECONNREFUSED", "?code=80331", "?code=abcde"),
        *("?code=DE&realestate=1", "?code=NOT_FOUND&state=open", "?code=404&state=open", "?state=bavaria&code=80331"),
        *("div.signature:nth-of-type(3)", "input#token:nth-child(2)", "label.password:hover1", "td.pin:first-child"),
        *("#user-token:not(.x1)", "a.cookie::before1", "#authorization:nth-child(2)", ".my.secret:nth-last-child(12)"),
        *("postcard_number=12", "scorecardNo=12", "syntax_id=12", "desenha=12", "?zip_code=80331"),
        *("sk-spinner-three-bounce-delay-1", "pk-button-primary-large-2x", "sk-cube-grid-item-wrapper-12"),
        *(
            '{"pass":12,"fail":3}',
            '{"pass":"yes"}',
            '{"pass":true}',
            "pass=12&fail=3",
            "compass=north1",
            "bypass: abc123",
        ),
        *("pass 3 of 4: ok", "session_id=4113715799632532494", "sessionId: 4113715799632532494", '{"sessionId":"12"}'),
        *("session_id=12345", '{"access":"code"}', "CVV: required", "Passwort: vergessen"),
        *(
            "token value=5",
            "the password value: short",
            "/reset-password/form",
            "/presets/5f4dcc3b5aa765d61d8327deb882cf99",
        ),
        *(
            "/verify/assets/5f4dcc3b5aa765d61d8327.js",
            "/magic-shop/article-12345-blue-shoes",
            "/invite/4113715799632532494",
        ),
        *("-----BEGIN PGP PUBLIC KEY BLOCK-----", "xai-list", "r8_model", "sbp_abc", "figd_", "AGE-SECRET-KEY-"),
        *(
            "AccountKey=short",
            "grant_type=authorization_code",
            "user_id=ann",
            "error_id=5f4dcc3b5aa765d61d8327deb882cf99",
        ),
        '{"event_id":"5f4dcc3b5aa765d61d8327deb882cf99","user_id":"u-1","code":"SUMMER2026SUMMER2026"}',
    ],
)
def test_what_a_diagnosis_needs_is_kept(text):
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"card":4222222222222}', '{"card":"[masked]"}'),
        ("card=4222222222222&x=1", "card=[masked]&x=1"),
        ("creditCard: 4222222222222", "creditCard: [masked]"),
        ("?code=4f1b0c9d8e7a6b5c4d3e", "?code=[masked]"),
        ("?code=SUMMER2026&state=ok", "?code=[masked]&state=ok"),
        ("?state=ok&scope=email&code=abcde", "?state=ok&scope=email&code=[masked]"),
        ("pageToken=CAUQAA", "pageToken=[masked]"),
        ("label.password: hover1", "label.password: [masked]"),
        ("password:hover1", "password:[masked]"),
        ("sk-spinnerThree-bounce-delay-1", "[masked key]"),
        ('{"pass":"hunter2"}', '{"pass":"[masked]"}'),
        ("pass=hunter2&user=bob", "pass=[masked]&user=bob"),
        ('{"body":"pass=hunter2&user=bob"}', '{"body":"pass=[masked]&user=bob"}'),
        (
            '{"newPass":"a","pwdConfirm":"b","passConfirm":"c"}',
            '{"newPass":"[masked]","pwdConfirm":"[masked]","passConfirm":"[masked]"}',
        ),
        ("db_pass=a&password_hash=b&pwdHash=c", "db_pass=[masked]&password_hash=[masked]&pwdHash=[masked]"),
        ("A=1;AccountKey=" + "Ab1+" * 21 + "Ab==;B=2", "A=1;AccountKey=[masked];B=2"),
        (
            "verification_code=12&passcode=3&access_code=4",
            "verification_code=[masked]&passcode=[masked]&access_code=[masked]",
        ),
        ('{"recoveryCode":"ab-12","backup_code":1}', '{"recoveryCode":"[masked]","backup_code":"[masked]"}'),
        ("Verification code: 482913", "Verification code: [masked]"),
        ('{"seed_phrase":"a b c","mnemonic":"d e"}', '{"seed_phrase":"[masked]","mnemonic":"[masked]"}'),
        ("Seed phrase: " + "ability " * 11 + "zoo!", "Seed phrase: [masked]!"),
        ("taxId=12-345&cvn=123&cardCode=123", "taxId=[masked]&cvn=[masked]&cardCode=[masked]"),
        ("connect.sid=s%3Aabc", "connect.sid=[masked]"),
        ("a=b; sessionid=abc", "a=b; sessionid=[masked]"),
        ('{"session_id":"9f86d081884c7d659a2f"}', '{"session_id":"[masked]"}'),
        ("CVV: 123", "CVV: [masked]"),
        ("name=password value=hunter2", "name=password value=[masked]"),
        ("<input name=user[token] value=abc>", "<input name=user[token] value=[masked]>"),
        ("Passwort: hunter2", "Passwort: [masked]"),
        (
            "Kennwort=a&contraseña=b&senha=c&пароль=d",
            "Kennwort=[masked]&contraseña=[masked]&senha=[masked]&пароль=[masked]",
        ),
        ('{"Пароль":"a","contrase\\u00f1a":"b"}', '{"Пароль":"[masked]","contrase\\u00f1a":"[masked]"}'),
        ("mot de passe: hunter2", "mot de passe: [masked]"),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF+/=\n-----END PGP PRIVATE KEY BLOCK----- b",
            "[masked private key] b",
        ),
        ("/reset-password/5f4dcc3b5aa765d61d8327deb882cf99/x", "/reset-password/[masked]/x"),
        ("/invite/550e8400-e29b-41d4-a716-446655440000", "/invite/[masked]"),
        ("/auth/verify/email/aB3-dE6_gH9-jK2_mN5p", "/auth/verify/email/[masked]"),
        ("%2Fpassword%2Freset%2F5f4dcc3b5aa765d61d83", "%2Fpassword%2Freset%2F[masked]"),
    ],
)
def test_secrets_that_a_reviewer_found_are_masked(text, expected):
    assert mask(text) == expected
    assert mask(expected) == expected


def test_a_tree_tells_a_password_from_a_count_and_a_card_from_an_article():
    tree = {"pass": "hunter2", "card": 4222222222222, "ean": 4006381333931, "session_id": "4113715799632532494"}
    assert mask_tree(tree) == {**tree, "pass": "[masked]", "card": "[masked]"}
    assert mask_tree({"pass": 12, "fail": 3}) == {"pass": 12, "fail": 3}

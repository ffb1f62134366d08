//! How secrets stand in texts, and texts without any. Tests of all outputs read this file.

/// `{}` is the secret, and the characters are those that the shape cannot carry: they end the value
/// there as they would for whoever reads it.
pub(crate) const SHAPES: &[(&str, &str)] = &[
    ("postgres://u:{}@h", ""),
    ("postgres://u:{}@h:5432/db?sslmode=require", ""),
    ("invalid port in postgres://u:{}@h/db: not a number", ""),
    ("parse error at \"redis://:{}@cache:6379/0\"", ""),
    ("Err(\"amqp://u:{}@mq\")", ""),
    ("https://u:{}@h/path?x=y", ""),
    ("mongodb://u:{}@h1:27017,h2:27017/db", ""),
    ("amqp://u:p@h1,amqp://u:{}@h2", ""),
    ("mongodb+srv://u:{}@h", ""),
    (r#"{"url":"mysql:\/\/u:{}@h","next":1}"#, " "),
    ("url=postgres%3A%2F%2Fu%3A{}%40h", " &"),
    ("url=postgres%253A%252F%252Fu%253A{}%2540h", " &"),
    ("https://{}@host/", " /?#:"),
    ("https://{}@o1.ingest.example/42", " /?#:"),
    ("u:{}@tcp(db:3306)/x", " \t"),
    ("GET /login?password={} failed", " "),
    ("https://h/p?a=1&password={}&b=2", " "),
    ("https://h/p?access_token={}", " "),
    ("https://h/p?sig={}&se=2030", " "),
    ("https://h/p?X-Amz-Signature={}", " "),
    ("https://h/p?X-Amz-Security-Token={}&x=y", " "),
    ("https://h/p?key={}", " "),
    ("host=db user=u password={} dbname=x", " "),
    ("host=db password='{}' dbname=x", ""),
    ("Server=db;User Id=u;Password={};Database=x", " "),
    ("Server=db;Pwd={}", " "),
    ("AccountName=a;AccountKey={};EndpointSuffix=core", " "),
    ("Config { host: \"h\", password: \"{}\", port: 1 }", ""),
    ("Config { password: Some(\"{}\") }", ""),
    ("Config { Password: Some(Secret(\"{}\")), a: 1 }", ""),
    ("Config { api_key: Token({}) }", " "),
    ("{\"password\":\"{}\",\"user\":\"u\"}", ""),
    ("{\"client_secret\": \"{}\"}", ""),
    (r#"body: "{\"password\":\"{}\",\"user\":\"u\"}""#, "\"\\"),
    ("{'token': '{}', 'a': 1}", ""),
    ("password: {}", " "),
    ("db.password = {}", " "),
    ("PGPASSWORD={} psql", " "),
    ("AWS_SECRET_ACCESS_KEY={}", " "),
    ("env: [\"DB_PASS={}\"]", " "),
    ("mysql --password={} -u root", " "),
    ("mysql --password {} -u root", " \"'"),
    ("\"mysql\" \"--password\" \"{}\"", ""),
    ("Authorization: Bearer {}", ""),
    ("authorization: Basic {}", ""),
    ("Cookie: a=b; session={}", ""),
    ("curl -H 'Authorization: Bearer {}'", ""),
    ("sent Bearer {} to h", " \t:;,&?#@%!$*()[]{}<>|^\"'`\\äü"),
    ("<password>{}</password>", "<"),
    ("headers: {\"x-api-key\": \"{}\"}", ""),
    ("dbPass={}", " "),
    ("password => \"{}\"", ""),
    ("password%3D{}", " "),
    ("keys: \"-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\"", ""),
];

const CHARACTERS: &str = "a/#?@:;,&%+=-_.~!$*()[]{}<>|^\"'`\\ äü";

const FIRST: &str = "pa";
pub(crate) const SECOND: &str = "HUNTER";

pub(crate) fn shape(shape: &str, secret: &str) -> String {
    shape.replacen("{}", secret, 1)
}

/// Each shape with a secret with each character inside.
pub(crate) fn table() -> impl Iterator<Item = (String, &'static str, char)> {
    SHAPES.iter().flat_map(|(template, ends)| {
        CHARACTERS
            .chars()
            .filter(|char| !ends.contains(*char))
            .map(|char| (shape(template, &format!("{FIRST}{char}{SECOND}")), *template, char))
    })
}

/// What is no secret, and stays as it is.
pub(crate) const KEPT: &[&str] = &[
    "",
    "sqlite://orders.db",
    "http://host/a@b",
    "http://localhost:8080/users/bob@example.com",
    "https://[::1]:8080/a@b",
    "postgres://db:5432/x is down, ask bob@example.com",
    "postgres://app@db/orders",
    "ssh://git@github.com/a/b.git",
    "https://git@github.com/a/b.git",
    "git@github.com:a/b.git",
    "mail bob@example.com: no answer",
    "image nginx:1.25@sha256:0123456789abcdef",
    "connection refused (os error 111)",
    "deadline has elapsed after 5s: flush",
    "unexpected token: `}` at line 3",
    "invalid token",
    "password is missing",
    "password: required",
    "token: expired",
    "the password must not be empty",
    "password: None, user: \"u\"",
    "token=null",
    "max_tokens=4096",
    "compass=north bypass=true passed=3 author=bob assigned=x",
    "design: signal=15 sigma=2 monkey=1 keys=3 key=orders",
    "std::io::Error { kind: NotFound, message: \"no such file\" }",
    "src/main.rs:12:5: error[E0308]: mismatched types",
    "12:30:45 GET /a?b=c&d=e 200",
    "Bearer authentication failed",
    "Basic usage: run it",
    "a => b, c: d; e = f",
    "/var/run/secrets/kubernetes.io/serviceaccount is not mounted",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "die Verbindung zu „köln:5432“ brach ab – Grüße, 再见 🎉",
    "<a href=\"http://h/x?y=z\">h</a>",
    "50%3A50 100%",
    "C:\\Users\\bob\\x.txt: access denied",
    "{\"a\":1,\"b\":[\"c\"]}",
    "::: === ??? @@@ \"\" '' \\\\ %%",
];

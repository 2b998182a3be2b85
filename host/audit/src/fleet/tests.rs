//! What the files of a directory come to.

use super::Read;

#[test]
fn two_sinks_have_neither_one_name_nor_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, path: &str| {
        let text = format!("type = \"file\"\npath = {path:?}\n");
        std::fs::write(directory.path().join(name), text).unwrap();
    };
    file("10-main.toml", "/var/log/a.log");
    file("20-main.toml", "/var/log/b.log");
    file("30-other.toml", "/var/log/a.log");
    file("40-third.toml", "/var/log/c.log");
    let read = Read::of(directory.path());
    let good: Vec<&str> = read.good.iter().map(|(_, of)| of.name.as_str()).collect();
    assert_eq!(good, ["main", "third"]);
    let errors: Vec<String> = read.errors.iter().map(ToString::to_string).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("20-main.toml") && errors[0].contains("10-main.toml"));
    assert!(errors[1].contains("30-other.toml") && errors[1].contains("path"));
}

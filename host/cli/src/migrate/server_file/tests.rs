//! What is read of a file and of all that it includes, and what is refused.

use super::*;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

/// A directory with these files, and what reading `main` in it comes to.
fn read_all(files: &[(&str, &str)]) -> (TempDir, ServerFile) {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let text = text.replace("ROOT", root.path().to_str().unwrap());
        fs::write(root.path().join(name), text).unwrap();
    }
    let found = read(&root.path().join("main")).unwrap();
    (root, found)
}

fn shown(found: &ServerFile) -> Vec<String> {
    let line = |line: &Line| {
        let values: Vec<_> = line
            .values
            .iter()
            .map(|v| String::from_utf8_lossy(v))
            .collect();
        format!("{} {}", line.name, values.join("|"))
    };
    found.lines.iter().map(line).collect()
}

#[test]
fn included_files_stand_where_they_are_included() {
    let (root, found) = read_all(&[
        (
            "main",
            "# first\nA 1\ninclude ROOT/b\r\nINCLUDE \"ROOT/conf-*\"\n  a 4\n",
        ),
        ("b", "a 2"),
        ("conf-1", "a 3"),
        ("conf-2", "a 'three and a half'"),
    ]);
    assert_eq!(found.errors, [""; 0]);
    let expected = ["a 1", "a 2", "a 3", "a three and a half", "a 4"];
    assert_eq!(shown(&found), expected);
    let place = found.lines[3].place.to_string();
    assert_eq!(place, format!("{}/conf-2:1", root.path().display()));
    assert_eq!(found.lines[4].place.line, 5);
}

#[test]
fn a_relative_path_is_taken_from_the_last_dir() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("below")).unwrap();
    fs::write(root.path().join("below/more"), "b 1\n").unwrap();
    let text = format!("dir {}\ndir below\ninclude more\n", root.path().display());
    fs::write(root.path().join("main"), text).unwrap();
    let found = read(&root.path().join("main")).unwrap();
    assert_eq!(found.errors, [""; 0]);
    assert_eq!(shown(&found), ["b 1"]);
    assert_eq!(found.directory, Some(root.path().join("below")));
}

#[test]
fn a_pattern_without_files_is_well_and_a_missing_file_is_not() {
    let (root, found) = read_all(&[("main", "include ROOT/conf.d/*.conf\ninclude ROOT/none\n")]);
    let there = root.path().display();
    let expected = format!(
        "{there}/main:2: cannot be included: \"{there}/none\": No such file or directory (os error 2)"
    );
    assert_eq!(found.errors, [expected]);
}

#[test]
fn an_inclusion_without_end_is_refused() {
    let (root, found) = read_all(&[("main", "include ROOT/b\n"), ("b", "include ROOT/main\n")]);
    let there = root.path().display();
    assert_eq!(
        found.errors,
        [format!("{there}/b:1: the file includes itself")]
    );
    // By another name, too.
    symlink(root.path().join("main"), root.path().join("other")).unwrap();
    fs::write(root.path().join("b"), format!("include {there}/other\n")).unwrap();
    let found = read(&root.path().join("main")).unwrap();
    assert_eq!(
        found.errors,
        [format!("{there}/b:1: the file includes itself")]
    );
}

#[test]
fn inclusions_that_multiply_are_bounded_and_told_once() {
    let root = tempfile::tempdir().unwrap();
    for depth in 0..40 {
        let line = format!("include {}/{}\n", root.path().display(), depth + 1);
        fs::write(root.path().join(depth.to_string()), line.repeat(2)).unwrap();
    }
    fs::write(root.path().join("40"), "a 1\n").unwrap();
    let found = read(&root.path().join("0")).unwrap();
    assert_eq!(found.errors.len(), 1, "{:?}", found.errors);
    assert!(found.errors[0].ends_with("more than 1000 files are included"));
}

#[test]
fn what_is_no_text_is_refused_with_its_place() {
    let (root, found) = read_all(&[("main", "a 1\nb \0 2\nc \"x\nd 3\n")]);
    let there = root.path().display();
    assert_eq!(
        found.errors,
        [
            format!("{there}/main:2: a NUL byte: this is no configuration file"),
            format!("{there}/main:3: a quote that is not closed"),
        ]
    );
    assert_eq!(shown(&found), ["a 1", "d 3"]);
}

#[test]
fn neither_a_huge_file_nor_a_directory_or_device_is_read() {
    let root = tempfile::tempdir().unwrap();
    let huge = root.path().join("huge");
    File::create(&huge).unwrap().set_len(5 << 20).unwrap();
    let why = |path: &Path| match read(path) {
        Ok(_) => panic!("read"),
        Err(error) => error.to_string(),
    };
    assert!(why(&huge).starts_with("larger than 4 MiB"));
    assert_eq!(why(root.path()), "not a regular file");
    assert_eq!(why(Path::new("/dev/zero")), "not a regular file");
}

#[test]
fn a_name_of_a_file_moves_no_cursor() {
    let (_root, found) = read_all(&[("main", "include \"/none\\n\\x1b[2J\"\n")]);
    let error = &found.errors[0];
    assert!(!error.contains(char::is_control), "{error:?}");
}

//! What is shipped beside the program fits it.

use std::path::Path;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a file of the project")
}

#[test]
fn the_page_on_tests_shows_the_compose_file_that_there_is() {
    let page = read("docs/testing-with-everlink.md");
    let (_, shown) = page.split_once("```yaml\n# compose.dev.yml\n").expect("a compose file");
    let (shown, _) = shown.split_once("```").expect("its end");
    let file = read("compose.dev.yml");
    let (_, services) = file.split_once("\n\n").expect("what it is, and what it has");
    assert_eq!(services, shown);
}

#[test]
fn the_image_is_built_of_what_its_context_has() {
    let context = read(".dockerignore");
    let let_through: Vec<&str> = context.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let dockerfile = read("Dockerfile");
    let copied = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|rest| !rest.starts_with("--"));
    let mut count = 0;
    for copy in copied {
        let mut words: Vec<&str> = copy.split_whitespace().collect();
        words.pop();
        for source in words {
            count += 1;
            assert!(let_through.contains(&source), "{source} is kept out of the image's context");
        }
    }
    assert!(count > 5, "{dockerfile}");
}

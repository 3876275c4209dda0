//! What is shipped beside the program fits it.

use std::path::Path;

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a file of the project")
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

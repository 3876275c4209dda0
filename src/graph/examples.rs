//! Bodies to try the operations with, as the document shows them. They stand here rather than at the handlers, which
//! would be more examples than code.

use serde_json::{Map, Value, json};

/// A folder, by its path.
pub const FOLDER: &str = "docs";

/// An operation's examples, the usual one first.
pub fn examples(operation: &str) -> Map<String, Value> {
    let list = list(operation).into_iter();
    list.map(|(name, summary, value)| (name.to_owned(), json!({ "summary": summary, "value": value })))
        .collect()
}

fn list(operation: &str) -> Vec<(&'static str, &'static str, Value)> {
    match operation {
        "create_link" => vec![
            ("view", "Anybody with the link can read", json!({ "type": "view" })),
            (
                "organization",
                "People of your organization can read, once signed in",
                json!({ "type": "view", "scope": "organization" }),
            ),
            (
                "edit",
                "Anybody with the link can read and write",
                json!({ "type": "edit", "scope": "anonymous" }),
            ),
            ("embed", "A file, framed in another site's page", json!({ "type": "embed" })),
            ("createOnly", "A folder that takes files and shows nothing", json!({ "type": "createOnly" })),
            (
                "blocksDownload",
                "To look at in the page, without a download button",
                json!({ "type": "blocksDownload" }),
            ),
        ],
        "change_permission" => {
            vec![("write", "Would make it a link to write with", json!({ "roles": ["write"] }))]
        }
        "create_folder" | "create_shared_folder" => vec![
            ("folder", "A folder; 409 if the name is taken", json!({ "name": "Photos", "folder": {} })),
            (
                "rename",
                "A folder; gets a number if the name is taken",
                json!({ "name": "Photos", "folder": {}, "@microsoft.graph.conflictBehavior": "rename" }),
            ),
            (
                "replace",
                "A folder; the one of that name if there is one",
                json!({ "name": "Photos", "folder": {}, "@microsoft.graph.conflictBehavior": "replace" }),
            ),
        ],
        "update_item" => vec![
            ("describe", "Set the description", json!({ "description": "The final version." })),
            ("rename", "Rename", json!({ "name": "Report 2026.pdf" })),
            (
                "move",
                "Move to another folder, by its path",
                json!({ "parentReference": { "path": "/drive/root:/archive" } }),
            ),
            (
                "moveById",
                "Move to another folder, by its id",
                json!({ "parentReference": { "id": "5D33DD65C6932946!4" } }),
            ),
            (
                "both",
                "Move and rename; gets a number if the name is taken",
                json!({
                    "name": "Report.pdf",
                    "parentReference": { "path": "/drive/root:/archive" },
                    "@microsoft.graph.conflictBehavior": "rename",
                }),
            ),
            (
                "times",
                "Set the times of the file on your own disk",
                json!({ "fileSystemInfo": {
                    "createdDateTime": "2026-01-31T09:00:00Z",
                    "lastModifiedDateTime": "2026-01-31T17:30:00Z",
                } }),
            ),
        ],
        "restore_item" => vec![
            ("back", "Back to where it was", json!({})),
            (
                "elsewhere",
                "To another folder, under another name",
                json!({ "name": "Report (restored).pdf", "parentReference": { "id": "root" } }),
            ),
        ],
        "copy_item" => vec![
            ("here", "Beside the original, under another name", json!({ "name": "Report (copy).pdf" })),
            ("there", "To another folder", json!({ "parentReference": { "path": "/drive/root:/archive" } })),
            (
                "rename",
                "To another folder; gets a number if the name is taken",
                json!({ "parentReference": { "id": "root" }, "@microsoft.graph.conflictBehavior": "rename" }),
            ),
        ],
        "create_upload_session" | "create_shared_upload_session" => vec![
            (
                "named",
                "The address is a folder's; the body names the file",
                json!({ "item": { "name": "movie.mp4", "@microsoft.graph.conflictBehavior": "rename" } }),
            ),
            ("empty", "The address names the file", json!({})),
            (
                "replace",
                "Replaces a file of that name",
                json!({ "item": { "@microsoft.graph.conflictBehavior": "replace", "fileSize": 104_857_600 } }),
            ),
            (
                "times",
                "With the times of the file on your own disk",
                json!({ "item": {
                    "name": "movie.mp4",
                    "description": "Uncut",
                    "fileSystemInfo": { "lastModifiedDateTime": "2026-01-31T17:30:00Z" },
                } }),
            ),
        ],
        "send_batch" => vec![
            (
                "two",
                "Two requests that do not depend on each other",
                json!({ "requests": [
                    { "id": "1", "method": "GET", "url": "/me/drive" },
                    { "id": "2", "method": "GET", "url": "/me/drive/root/children?$top=5" },
                ] }),
            ),
            (
                "share",
                "Upload a file, then make its link",
                json!({ "requests": [
                    {
                        "id": "upload",
                        "method": "PUT",
                        "url": "/me/drive/root:/docs/hello.txt:/content",
                        "headers": { "Content-Type": "text/plain" },
                        "body": "Hello",
                    },
                    {
                        "id": "link",
                        "method": "POST",
                        "url": "/me/drive/root:/docs/hello.txt:/createLink",
                        "headers": { "Content-Type": "application/json" },
                        "body": { "type": "view" },
                        "dependsOn": ["upload"],
                    },
                ] }),
            ),
        ],
        _ => Vec::new(),
    }
}

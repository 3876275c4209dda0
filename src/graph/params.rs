//! What the document tells of parameters, and of bodies that are bytes.
//!
//! Parameters of paths have examples that work where there are any, for whoever tries a call finds them filled in;
//! those of queries have none, as they would go along with every try.

use utoipa::{IntoParams, ToSchema};

/// What `utoipa::path` says in the place of an address: that stands in the route table alone.
pub const TABLE: &str = "";

/// A structure for each parameter, as `utoipa::path` takes them.
macro_rules! parameters {
    ($($name:ident in $place:ident { $(#[$told:meta])* $member:ident: $kind:ty })*) => {$(
        #[derive(IntoParams)]
        #[into_params(parameter_in = $place)]
        #[expect(dead_code, reason = "read by the derived code alone")]
        pub struct $name {
            $(#[$told])*
            $member: $kind,
        }
    )*};
}

parameters! {
    ById in Path {
        /// The item: the `id` of an answer, or `root` for the drive's root folder.
        #[param(example = "root", pattern = "^([0-9A-Fa-f]{16}![1-9][0-9]{0,17}|root)$")]
        item_id: String
    }

    ByPath in Path {
        /// Path from the drive's root, without the first slash. Slashes may be encoded.
        #[param(example = "docs/README.md")]
        path: String
    }

    InShare in Path {
        /// The `shareId` that `createLink` answers; or `u!` and the link's URL in base64url, without `=`.
        #[param(pattern = "^[su]![A-Za-z0-9_-]+$")]
        share_id: String
    }

    OfPermission in Path {
        /// The permission: the `id` that `createLink` answers, or `owner`.
        #[param(pattern = "^([A-Za-z0-9_-]{22}|owner)$")]
        permission_id: String
    }

    OfVersion in Path {
        /// The version: the `id` that the list of versions has.
        #[param(example = "1.0", pattern = r"^[1-9][0-9]{0,8}\.0$")]
        version_id: String
    }

    OfCopy in Path {
        /// The last segment of the `Location` that `copy` answers.
        #[param(pattern = "^[A-Za-z0-9_-]{44}$")]
        copied: String
    }

    OfSession in Path {
        /// The last segment of the `uploadUrl` that `createUploadSession` answers.
        #[param(pattern = "^[A-Za-z0-9_-]{55}$")]
        secret: String
    }

    SearchText in Path {
        /// A part of the names, in upper or lower case. Double each `'`.
        #[param(example = "readme", pattern = "^[A-Za-z0-9 ._'-]{1,100}$")]
        text: String
    }

    SinceToken in Query {
        /// The `token` of an `@odata.deltaLink` or `@odata.nextLink`; `latest` for a link from now on; nothing for
        /// everything.
        token: Option<String>
    }

    Top in Query {
        /// Entries of a page, 1 to 1000. Without it: 200 (versions: 1000).
        #[param(rename = "$top", minimum = 1)]
        top: Option<u32>
    }

    OrderBy in Query {
        /// `name` (without it), `size` or `lastModifiedDateTime`; ` desc` after it turns it round.
        #[param(rename = "$orderby", pattern = "^(name|size|lastModifiedDateTime)( (asc|desc))?$")]
        orderby: Option<String>
    }

    Select in Query {
        /// Only these members, separated by commas. `id` always comes.
        #[param(rename = "$select")]
        select: Option<String>
    }

    SkipToken in Query {
        /// Where the page begins: only from an `@odata.nextLink`.
        #[param(rename = "$skipToken")]
        skip_token: Option<String>
    }

    ExpandChildren in Query {
        /// `children` adds what is in the folder, its first page.
        #[param(rename = "$expand")]
        expand: Option<String>
    }

    ExpandShare in Query {
        /// Adds members: `driveItem`, `root`, `children`, separated by commas.
        #[param(rename = "$expand")]
        expand: Option<String>
    }

    OnConflict in Query {
        /// If the name is taken: `fail` (409), `replace`, or `rename` (a number is added). The same member in the body
        /// goes first. Without it, `replace` for uploads, else `fail`.
        #[param(rename = "@microsoft.graph.conflictBehavior", pattern = "^(fail|replace|rename)$")]
        conflict: Option<String>
    }

    IfMatch in Header {
        /// Only if the item still has this `eTag` or `cTag`, else 412. `*` for any.
        #[param(rename = "If-Match")]
        if_match: Option<String>
    }

    IfNoneMatch in Header {
        /// Only if the item has another `eTag` or `cTag`: reading answers 304 otherwise, writing 412. `*`: only if
        /// there is no such file yet.
        #[param(rename = "If-None-Match")]
        if_none_match: Option<String>
    }

    RangeHeader in Header {
        /// Which bytes these are: `bytes FIRST-LAST/TOTAL`, counted from 0.
        #[param(rename = "Content-Range", example = "bytes 0-9/10")]
        content_range: String
    }
}

/// A file's bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct FileBytes(Vec<u8>);

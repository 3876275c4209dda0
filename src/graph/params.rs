//! What the document tells of parameters that many operations have.

use utoipa::IntoParams;

/// What `utoipa::path` says in the place of an address: that stands in the route table alone.
pub const TABLE: &str = "";

/// An item by its drive and its id.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct InDrive {
    /// 16 hexadecimal digits.
    #[param(pattern = "^[0-9A-F]{16}$")]
    drive_id: String,
    /// `DRIVE!number`, or `root`.
    #[param(pattern = "^([0-9A-F]{16}![1-9][0-9]{0,17}|root)$")]
    item_id: String,
}

/// A drive by its id.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct OfDrive {
    /// 16 hexadecimal digits.
    #[param(pattern = "^[0-9A-F]{16}$")]
    drive_id: String,
}

/// A page of a folder.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct PageParams {
    /// Entries of a page.
    #[param(rename = "$top", minimum = 1)]
    top: Option<u32>,
    /// `name`, `size` or `lastModifiedDateTime`; with ` desc` the other way round.
    #[param(rename = "$orderby", pattern = "^(name|size|lastModifiedDateTime)( (asc|desc))?$")]
    orderby: Option<String>,
    /// Members that are wanted, separated by commas.
    #[param(rename = "$select")]
    select: Option<String>,
}

/// An item that is shared.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "read by the derived code alone")]
pub struct InShare {
    /// A link's `shareId`, or `u!` and its URL in base64url.
    #[param(pattern = "^[su]![A-Za-z0-9_-]+$")]
    share_id: String,
}

//! How often an item's links were opened, as Microsoft's API tells it.
//! <https://learn.microsoft.com/graph/api/itemanalytics-get>

use actix_web::HttpResponse;
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::domain::address::ItemAddress;
use crate::domain::grant::{FilesRead, Granted};
use crate::error::Result;
use crate::graph::errors::ErrorBody;
use crate::graph::params::{ById, Select, TABLE};
use crate::graph::query::Query;
use crate::graph::site::Site;
use crate::graph::wire;
use crate::service::{opens, rights};

#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct ItemAnalytics {
    #[serde(rename = "@odata.context")]
    context: String,
    #[serde(rename = "allTime")]
    all_time: ActivityStat,
    #[serde(rename = "lastSevenDays")]
    last_seven_days: ActivityStat,
}

#[skip_serializing_none]
#[derive(Debug, Serialize, ToSchema)]
pub struct ActivityStat {
    #[serde(rename = "@odata.context")]
    context: Option<String>,
    access: ActionStat,
}

/// How often others than the owner opened the item by its links.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActionStat {
    action_count: i64,
}

impl ActivityStat {
    fn of(action_count: i64) -> Self {
        Self { context: None, access: ActionStat { action_count } }
    }

    fn with_context(mut self, site: &Site) -> Self {
        self.context = Some(wire::context(site, "itemActivityStat"));
        self
    }
}

async fn count(granted: &Granted<FilesRead>, address: &ItemAddress, site: &Site) -> Result<(i64, i64)> {
    let item = rights::manage(site.service(), granted, address).await?;
    opens::opens_of_item(site.service(), &item).await
}

/// Counts how often an item's links were opened: ever, and in the last seven days.
///
/// Opens by the owner are not counted.
#[utoipa::path(get, path = TABLE, params(ById, Select),
    responses((status = 200, description = "Done", body = ItemAnalytics), ErrorBody))]
pub async fn get_analytics(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let (ever, lately) = count(&granted, &address, &site).await?;
    let analytics = ItemAnalytics {
        context: wire::context(&site, "itemAnalytics"),
        all_time: ActivityStat::of(ever),
        last_seven_days: ActivityStat::of(lately),
    };
    Ok(HttpResponse::Ok().json(query.shape(analytics)?))
}

/// Counts how often an item's links were ever opened.
#[utoipa::path(get, path = TABLE, params(ById, Select),
    responses((status = 200, description = "Done", body = ActivityStat), ErrorBody))]
pub async fn get_all_time(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let (ever, _) = count(&granted, &address, &site).await?;
    Ok(HttpResponse::Ok().json(query.shape(ActivityStat::of(ever).with_context(&site))?))
}

/// Counts how often an item's links were opened in the last seven days, today included.
#[utoipa::path(get, path = TABLE, params(ById, Select),
    responses((status = 200, description = "Done", body = ActivityStat), ErrorBody))]
pub async fn get_last_seven_days(
    granted: Granted<FilesRead>,
    address: ItemAddress,
    query: Query,
    site: Site,
) -> Result<HttpResponse> {
    let (_, lately) = count(&granted, &address, &site).await?;
    Ok(HttpResponse::Ok().json(query.shape(ActivityStat::of(lately).with_context(&site))?))
}

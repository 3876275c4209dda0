//! The second listener.

use crate::support::{TestApp, on_each_database};

on_each_database!(
    a_service_is_alive_and_ready,
    metrics_count_what_happens,
    every_metric_that_is_written_about_is_there,
    a_wrong_key_reaches_no_database,
    nothing_of_it_is_on_the_public_listener,
);

async fn a_service_is_alive_and_ready(app: TestApp) {
    assert_eq!(app.admin("/healthz").await.expect(200).text(), "alive\n");
    let ready = app.admin("/readyz").await.expect(200).json();
    let expected = serde_json::json!({
        "ready": true, "database": "ok", "migrations": "ok", "keys": "ok", "content": "ok",
    });
    assert_eq!(ready, expected);
    let newest = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    app.database.run(newest).await;
    assert_eq!(app.admin("/readyz").await.expect(503).json()["migrations"], "not current");
}

async fn metrics_count_what_happens(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    alice.link(&item, "view").await;
    alice.link(&item, "edit").await;
    app.anybody().open(&link).await.expect(200);
    let id = link["id"].as_str().expect("an id");
    alice.delete(&format!("/drive/items/{item}/permissions/{id}")).await.expect(204);
    app.anybody().open(&link).await.expect(404);
    let metrics = app.admin("/metrics").await.expect(200).text();
    for line in [
        "everlink_links_created_total{type=\"view\",scope=\"anonymous\"} 1",
        "everlink_links_created_total{type=\"edit\",scope=\"anonymous\"} 1",
        "everlink_links_returned_total{type=\"view\",scope=\"anonymous\"} 1",
        "everlink_links_opened_total{type=\"view\",scope=\"anonymous\"} 1",
        "everlink_links_opened_total{type=\"embed\",scope=\"organization\"} 0",
        "everlink_ready 1",
        "everlink_links_refused_total 1",
        "everlink_links_revoked_total{type=\"view\",scope=\"anonymous\"} 1",
        "everlink_requests_total{method=\"POST\",route=\"/item/createLink\",status=\"201\"} 2",
        "everlink_requests_total{method=\"POST\",route=\"/item/createLink\",status=\"200\"} 1",
        "everlink_requests_total{method=\"GET\",route=\"/download\",status=\"404\"} 1",
        "everlink_request_duration_seconds_count{route=\"/item/createLink\"} 3",
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains("everlink_database_connections "));
    assert!(!metrics.contains(&item));
}

async fn nothing_of_it_is_on_the_public_listener(app: TestApp) {
    for path in ["/healthz", "/readyz", "/metrics"] {
        app.anybody().get(path).await.expect_error(404, "itemNotFound");
    }
}

async fn every_metric_that_is_written_about_is_there(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    app.anybody().open(&link).await.expect(200);
    let metrics = app.admin("/metrics").await.expect(200).text();
    let written = [
        include_str!("../../docs/operations.md"),
        include_str!("../../deploy/prometheus/alerts.yml"),
        include_str!("../../deploy/grafana/everlink.json"),
    ];
    let mut names = std::collections::BTreeSet::new();
    for text in written {
        for (start, _) in text.match_indices("everlink_") {
            let name =
                text[start..].split(|c: char| !c.is_ascii_lowercase() && c != '_').next().expect("a name");
            let name =
                ["_bucket", "_sum", "_count"].iter().fold(name, |name, end| name.trim_end_matches(end));
            names.insert(name);
        }
    }
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name} is not in\n{metrics}");
    }
    // And what is there is written about.
    for line in metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().expect("a name");
        assert!(written[0].contains(&format!("`{name}`")), "docs/operations.md says nothing of {name}");
    }
    // Of each value there is one that says something.
    for line in [
        "everlink_batch_requests_count{kind=\"open\"} 1",
        "everlink_batch_requests_count{kind=\"find\"} 1",
        "everlink_batch_requests_count{kind=\"make\"} 1",
        "everlink_batch_wait_seconds_count{kind=\"open\"} 1",
        "everlink_batch_queue{kind=\"open\"} 0",
        "everlink_transaction_duration_seconds_count{transaction=\"upload\"} 1",
        "everlink_transaction_retries_total{transaction=\"upload\"} 0",
    ] {
        assert!(metrics.lines().any(|shown| shown == line), "{line} is not in\n{metrics}");
    }
    let value = |start: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(start)).expect(start);
        line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok()).expect("a number")
    };
    let (all, idle) = (value("everlink_database_connections "), value("everlink_database_connections_idle "));
    assert!((1.0..=all).contains(&idle), "{idle} of {all}");
    assert_eq!(value(&format!("everlink_build_info{{version=\"{}\"", env!("CARGO_PKG_VERSION"))), 1.0);
    assert!(value("everlink_request_duration_seconds_sum{route=\"/item/createLink\"}") > 0.0);
}

async fn a_wrong_key_reaches_no_database(app: TestApp) {
    let alice = app.user("alice");
    let item = alice.upload("/b.txt", "one").await;
    let link = alice.link(&item, "view").await;
    let asked = async || {
        let metrics = app.admin("/metrics").await.expect(200).text();
        let count =
            metrics.lines().find(|line| line.starts_with("everlink_batch_requests_count{kind=\"open\"}"));
        count.map(str::to_owned)
    };
    app.anybody().open(&link).await.expect(200);
    let before = asked().await;
    assert!(before.is_some());
    let path = crate::support::download_path(&link);
    let (start, key) = path.split_once("authkey=!").expect("a key");
    for wrong in [
        key.replacen(&key[3..4], if &key[3..4] == "A" { "B" } else { "A" }, 1),
        key[1..].to_owned(),
        "A".repeat(44),
    ] {
        app.anybody().get(&format!("{start}authkey=!{wrong}")).await.expect(404);
    }
    assert_eq!(asked().await, before);
}

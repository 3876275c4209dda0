//! A long list in parts and orders: what the address says of them, and where the page's columns, its «Previous» and
//! its «Next» lead.

use crate::domain::order::{Order, OrderBy};
use crate::pages::views::{Column, Part};

/// Entries of a part.
pub const ROWS: usize = 200;

/// Columns: their names for people and in the address.
const COLUMNS: [(&str, &str, OrderBy); 3] = [
    ("Name", "name", OrderBy::Name),
    ("Changed", "changed", OrderBy::Modified),
    ("Size", "size", OrderBy::Size),
];

pub struct Listing {
    /// The list's address without any of it.
    url: String,
    /// What goes on after the address: `?` or `&`.
    separator: char,
    pub order: Order,
    /// The part's number, from 1 on.
    number: usize,
}

impl Listing {
    /// `sort` and `page` are what the address says; `count` is how many entries there are.
    pub fn asked(url: String, sort: Option<&str>, page: Option<&str>, count: i64) -> Self {
        let separator = if url.contains('?') { '&' } else { '?' };
        let sort = sort.unwrap_or_default();
        let (key, descending) = sort.strip_prefix('-').map_or((sort, false), |key| (key, true));
        let by = COLUMNS.iter().find(|(_, known, _)| *known == key).map(|(_, _, by)| *by);
        let order = Order { by: by.unwrap_or(OrderBy::Name), descending: descending && by.is_some() };
        let last = usize::try_from(count).unwrap_or_default().div_ceil(ROWS).max(1);
        let number = page.and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, last);
        Self { url, separator, order, number }
    }

    /// How many entries come before the part.
    pub fn before(&self) -> usize {
        (self.number - 1) * ROWS
    }

    pub fn columns(&self) -> [Column; 3] {
        COLUMNS.map(|(name, _, by)| {
            let is_sorted = self.order.by == by;
            // By time and size one looks for the newest and the largest first.
            let descending = if is_sorted { !self.order.descending } else { by != OrderBy::Name };
            Column {
                name,
                href: self.address(Order { by, descending }, 1),
                sorted: is_sorted.then_some(if self.order.descending { "descending" } else { "ascending" }),
            }
        })
    }

    /// None where all there is fits the first part.
    pub fn part(&self, shown: usize, of: i64, has_more: bool) -> Option<Part> {
        let before = self.before();
        (before > 0 || has_more).then(|| Part {
            from: before + 1,
            to: before + shown,
            of,
            previous: (self.number > 1).then(|| self.address(self.order, self.number - 1)),
            next: has_more.then(|| self.address(self.order, self.number + 1)),
        })
    }

    /// Nothing is said of what is so anyway: by name, and the first part.
    fn address(&self, order: Order, number: usize) -> String {
        let key = COLUMNS.iter().find(|(_, _, by)| *by == order.by).map_or("name", |(_, key, _)| key);
        let sort = match (order.descending, order.by) {
            (false, OrderBy::Name) => None,
            (false, _) => Some(format!("sort={key}")),
            (true, _) => Some(format!("sort=-{key}")),
        };
        let page = (number > 1).then(|| format!("page={number}"));
        let said: Vec<String> = [sort, page].into_iter().flatten().collect();
        match said.is_empty() {
            true => self.url.clone(),
            false => format!("{}{}{}", self.url, self.separator, said.join("&")),
        }
    }
}

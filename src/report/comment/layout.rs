//! Fits sections into the limit: the least important lose lines first, and say so.

use std::fmt::Write as _;

/// Room kept for the sentence that names what was left out.
const RESERVE: usize = 400;

/// A section, made of blocks that are kept or left out whole.
pub(super) struct Part {
    /// What it is called when it is left out.
    pub(super) name: &'static str,
    /// Its importance: 0 is most important.
    pub(super) rank: u8,
    /// What opens it, with line ends.
    pub(super) header: String,
    /// Its lines or paragraphs, without line ends.
    pub(super) blocks: Vec<String>,
    /// What closes it.
    pub(super) footer: String,
    /// Where blocks go first.
    pub(super) cut: Cut,
}

/// Where blocks are left out when room is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// At the end of a list.
    List,
    /// In the middle of a fenced block: how it began and how it ended matter most.
    FenceMiddle,
}

/// How many blocks a middle cut keeps at the beginning.
const BEGINNING: usize = 20;

impl Part {
    /// A section under a heading.
    pub(super) fn section(name: &'static str, rank: u8, title: &str, blocks: Vec<String>) -> Self {
        let header = format!("### {title}\n\n");
        Self { name, rank, header, blocks, footer: String::new(), cut: Cut::List }
    }

    /// A section that a reader unfolds. The blank line matters: up to it GitHub reads raw HTML.
    pub(super) fn folded(name: &'static str, rank: u8, title: &str, blocks: Vec<String>) -> Self {
        let header = format!("<details><summary>{title}</summary>\n\n");
        Self { name, rank, header, blocks, footer: "\n</details>\n".to_owned(), cut: Cut::List }
    }

    /// The indexes of the blocks in the order in which they deserve room.
    fn order(&self) -> Vec<usize> {
        let all = 0..self.blocks.len();
        match self.cut {
            Cut::List => all.collect(),
            Cut::FenceMiddle => {
                let split = BEGINNING.min(self.blocks.len());
                (0..split).chain((split..self.blocks.len()).rev()).collect()
            }
        }
    }

    /// The section with the blocks that fit into `room`; `None` when not even its frame and one
    /// block do.
    fn fit(&self, room: usize) -> Option<String> {
        let frame = self.header.len() + self.footer.len() + self.gap(self.blocks.len()).len() + 2;
        let mut left = room.checked_sub(frame)?;
        let mut kept = vec![false; self.blocks.len()];
        for index in self.order() {
            let cost = self.blocks.get(index).map_or(0, |block| block.len() + 1);
            let Some(rest) = left.checked_sub(cost) else { break };
            left = rest;
            if let Some(flag) = kept.get_mut(index) {
                *flag = true;
            }
        }
        if !self.blocks.is_empty() && !kept.contains(&true) {
            return None;
        }
        let mut text = self.header.clone();
        let mut missing = 0;
        for (block, kept) in self.blocks.iter().zip(&kept) {
            if *kept {
                text.push_str(&self.gap(missing));
                missing = 0;
                let _ = writeln!(text, "{block}");
            } else {
                missing += 1;
            }
        }
        text.push_str(&self.gap(missing));
        if self.footer.is_empty() {
            // A block may end in a blank line of its own; the next section brings one.
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text.push_str(&self.footer);
        Some(text)
    }

    /// What stands where blocks are missing.
    fn gap(&self, missing: usize) -> String {
        match (missing, self.cut) {
            (0, _) => String::new(),
            (n, Cut::FenceMiddle) => {
                format!("… {n} events left out to stay under GitHub's limit\n")
            }
            (n, Cut::List) => format!("- _… {n} more left out to stay under GitHub's limit_\n"),
        }
    }
}

/// Puts the sections together in their order, under `limit` bytes.
pub(super) fn assemble(parts: Vec<Part>, limit: usize) -> String {
    let mut by_rank: Vec<usize> = (0..parts.len()).collect();
    by_rank.sort_by_key(|index| parts.get(*index).map(|part| part.rank));
    let mut left = limit.saturating_sub(RESERVE);
    let mut texts: Vec<Option<String>> = parts.iter().map(|_| None).collect();
    for index in by_rank {
        let (Some(part), Some(slot)) = (parts.get(index), texts.get_mut(index)) else { continue };
        *slot = part.fit(left);
        left = left.saturating_sub(slot.as_ref().map_or(0, |text| text.len() + 1));
    }
    let missing: Vec<&str> =
        parts.iter().zip(&texts).filter(|(_, text)| text.is_none()).map(|(p, _)| p.name).collect();
    let mut comment = texts.into_iter().flatten().collect::<Vec<_>>().join("\n");
    if !missing.is_empty() {
        let _ =
            writeln!(comment, "\n_Left out to stay under GitHub's limit: {}._", missing.join(", "));
    }
    comment
}

//! The flags of how replies are written.

use clap::{Args, ValueEnum};
use mimecast_sim::{
    Bom, Compression, Empty, Ids, LastPage, Layout, RateHeaders, ResultCount, Style,
};

/// How replies are written.
#[derive(Args)]
#[command(next_help_heading = "Style of replies")]
pub(super) struct StyleArguments {
    /// How replies differ from the usual; several with commas
    #[arg(long, value_enum, value_delimiter = ',', hide_possible_values = true)]
    style: Vec<StyleArgument>,
    /// How far off resultCount is; below zero is too few
    #[arg(long, value_name = "ROWS", default_value_t = 0, allow_negative_numbers = true)]
    count_off: i64,
}

#[derive(Clone, Copy, ValueEnum)]
enum StyleArgument {
    Pretty,
    NoGzip,
    EmptyData,
    BareLastPage,
    EndlessPages,
    EndlessSame,
    RoundTokens,
    RepeatLast,
    NoResultCount,
    DashedRateHeaders,
    SharedIds,
    FreshIds,
    Bom,
}

impl StyleArguments {
    /// The style that the flags ask for. Of two that exclude each other the later one counts.
    pub(super) fn style(&self) -> Style {
        let mut style = Style {
            result_count: match self.count_off {
                0 => ResultCount::Given,
                by => ResultCount::Off(by),
            },
            ..Style::default()
        };
        for argument in &self.style {
            match argument {
                StyleArgument::Pretty => style.layout = Layout::Pretty,
                StyleArgument::NoGzip => style.compression = Compression::Off,
                StyleArgument::EmptyData => style.empty = Empty::NoData,
                StyleArgument::BareLastPage => style.last_page = LastPage::NoPagination,
                StyleArgument::EndlessPages => style.last_page = LastPage::EmptyPages,
                StyleArgument::EndlessSame => style.last_page = LastPage::SameEmptyPage,
                StyleArgument::RoundTokens => style.last_page = LastPage::FirstAgain,
                StyleArgument::RepeatLast => style.last_page = LastPage::LastAgain,
                StyleArgument::NoResultCount => style.result_count = ResultCount::Absent,
                StyleArgument::DashedRateHeaders => style.rate_headers = RateHeaders::Dashed,
                StyleArgument::SharedIds => style.ids = Ids::Shared,
                StyleArgument::FreshIds => style.ids = Ids::Fresh,
                StyleArgument::Bom => style.bom = Bom::Present,
            }
        }
        style
    }
}

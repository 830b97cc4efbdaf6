/// One line of the table.
package struct Row: Sendable {
    /// What the text was made from, for the JSON report. Empty where a side has no number.
    package struct Numbers: Sendable {
        package var unit = ""
        package var ours: [Double] = []
        package var peer: [Double] = []
        /// The machine's limit in the same unit.
        package var limit: Double?
    }

    package var figure: String
    package var ours: String
    package var peer: String
    package var ratio: Double?
    package var bar: String
    package var goal: String
    /// `goal`, `bar`, `**missed**`, or `reported` where there is no bar.
    package var verdict: String
    package var limit: String
    package var numbers: Numbers

    package init(
        figure: String,
        ours: String,
        peer: String = "–",
        ratio: Double? = nil,
        bar: String = "–",
        goal: String = "–",
        verdict: String = "–",
        limit: String = "–",
        numbers: Numbers = Numbers()
    ) {
        self.figure = figure
        self.ours = ours
        self.peer = peer
        self.ratio = ratio
        self.bar = bar
        self.goal = goal
        self.verdict = verdict
        self.limit = limit
        self.numbers = numbers
    }

    /// A ratio of two rates, times or sizes.
    package static func ratio(
        _ figure: String,
        _ pairs: Pairs,
        unit: String,
        threshold: Threshold,
        limit: String = "–",
        machineLimit: Double? = nil
    ) -> Row {
        Row(
            figure: figure,
            ours: "\(formatted(median(pairs.ours))) \(unit)",
            peer: "\(formatted(median(pairs.peer))) \(unit)",
            ratio: pairs.ratio,
            bar: threshold.barText,
            goal: threshold.goalText,
            verdict: threshold.verdict(pairs.ratio),
            limit: limit,
            numbers: Numbers(unit: unit, ours: pairs.ours, peer: pairs.peer, limit: machineLimit)
        )
    }

    /// A value of ours alone.
    package static func value(
        _ figure: String,
        _ value: Double,
        unit: String,
        threshold: Threshold,
        limit: String = "–"
    ) -> Row {
        Row(
            figure: figure,
            ours: "\(formatted(value)) \(unit)",
            bar: threshold.barText,
            goal: threshold.goalText,
            verdict: threshold.verdict(value),
            limit: limit,
            numbers: Numbers(unit: unit, ours: [value])
        )
    }
}

/// One line of the table.
struct Row {
    var figure: String
    var ours: String
    var peer = "–"
    var ratio: Double?
    var bar = "–"
    var goal = "–"
    /// `goal`, `bar`, `**missed**`, or `reported` where there is no bar.
    var verdict = "–"
    var limit = "–"
}

/// A bar or a goal, and which side of it is good.
struct Threshold {
    enum Direction { case atLeast, atMost }

    let direction: Direction
    let bar: Double?
    let goal: Double
    let unit: String

    static func atLeast(bar: Double?, goal: Double, unit: String = " x") -> Threshold {
        Threshold(direction: .atLeast, bar: bar, goal: goal, unit: unit)
    }

    static func atMost(bar: Double?, goal: Double, unit: String = " x") -> Threshold {
        Threshold(direction: .atMost, bar: bar, goal: goal, unit: unit)
    }

    private var sign: String { direction == .atLeast ? "≥" : "≤" }
    var barText: String { bar.map { "\(sign) \(formatted($0))\(unit)" } ?? "reported" }
    var goalText: String { "\(sign) \(formatted(goal))\(unit)" }

    func verdict(_ value: Double) -> String {
        func meets(_ limit: Double) -> Bool { direction == .atLeast ? value >= limit : value <= limit }
        if meets(goal) { return "goal" }
        guard let bar else { return "reported" }
        return meets(bar) ? "bar" : "**missed**"
    }
}

extension Row {
    /// A ratio of two rates or two times.
    static func ratio(
        _ figure: String,
        _ pairs: Pairs,
        unit: String,
        threshold: Threshold,
        limit: String = "–"
    ) -> Row {
        Row(
            figure: figure,
            ours: "\(formatted(median(pairs.ours))) \(unit)",
            peer: "\(formatted(median(pairs.peer))) \(unit)",
            ratio: pairs.ratio,
            bar: threshold.barText,
            goal: threshold.goalText,
            verdict: threshold.verdict(pairs.ratio),
            limit: limit
        )
    }

    /// A value of ours alone.
    static func value(
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
            limit: limit
        )
    }
}

/// The Markdown table.
struct Report {
    var rows: [Row] = []

    func printTable() {
        print("| figure | ours | peer | ratio | bar | goal | met | machine limit |")
        print("|---|---:|---:|---:|---:|---:|---|---|")
        for row in rows {
            let ratio = row.ratio.map { "\(formatted($0)) x" } ?? "–"
            let cells = [
                row.figure, row.ours, row.peer, ratio, row.bar, row.goal, row.verdict, row.limit,
            ]
            print("| " + cells.joined(separator: " | ") + " |")
        }
    }
}

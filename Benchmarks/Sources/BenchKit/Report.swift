/// The Markdown table.
package struct Report {
    package var rows: [Row] = []

    package init() {}

    package func printTable() {
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

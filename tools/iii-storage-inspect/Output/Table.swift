/// An aligned table of any length in bounded memory: widths come from the first rows, later rows may overhang. The same
/// on a terminal and in a pipe.
struct Table {
    struct Column {
        enum Alignment {
            case left
            case right
        }

        var title: String
        var alignment: Alignment

        static func left(_ title: String) -> Column { Column(title: title, alignment: .left) }
        static func right(_ title: String) -> Column { Column(title: title, alignment: .right) }
    }

    private enum Line {
        case row([String])
        case remark(String)
    }

    /// Rows that are held back to find the widths.
    static let measuredRows = 200
    /// And how much they may hold: values may be large.
    static let measuredBytes = 1 << 20

    private let columns: [Column]
    private let console: Console
    private var held: [Line] = []
    private var heldBytes = 0
    private var widths: [Int]?

    init(_ columns: [Column], on console: Console) {
        self.columns = columns
        self.console = console
    }

    mutating func row(_ cells: [String]) throws {
        precondition(cells.count == columns.count, "a cell for every column")
        try add(.row(cells))
    }

    /// A line of its own between rows.
    mutating func remark(_ text: String) throws {
        try add(.remark(text))
    }

    mutating func finish() throws {
        guard widths == nil else { return }
        try release()
    }

    private mutating func add(_ line: Line) throws {
        if let widths { return try print(line, widths) }
        held.append(line)
        if case .row(let cells) = line { heldBytes += cells.reduce(0) { $0 + $1.utf8.count } }
        if held.count == Self.measuredRows || heldBytes > Self.measuredBytes { try release() }
    }

    private mutating func release() throws {
        var widths = columns.map(\.title.count)
        for case .row(let cells) in held {
            for (index, cell) in cells.enumerated() { widths[index] = max(widths[index], cell.count) }
        }
        self.widths = widths
        try print(.row(columns.map(\.title)), widths)
        for line in held { try print(line, widths) }
        held = []
    }

    private func print(_ line: Line, _ widths: [Int]) throws {
        switch line {
        case .remark(let text): try console.write("-- \(text)\n")
        case .row(let cells):
            var text = ""
            for (index, cell) in cells.enumerated() {
                let blanks = String(repeating: " ", count: max(0, widths[index] - cell.count))
                let isLast = index == cells.count - 1
                switch columns[index].alignment {
                case .right: text += blanks + cell
                case .left: text += isLast ? cell : cell + blanks
                }
                if !isLast { text += "  " }
            }
            while text.last == " " { text.removeLast() }
            try console.write(text + "\n")
        }
    }
}

/// Names and values below each other, values aligned.
struct Listing {
    private var lines: [(String, String)] = []

    mutating func add(_ name: String, _ value: String) {
        lines.append((name, value))
    }

    func write(to console: Console) throws {
        let width = lines.map(\.0.count).max() ?? 0
        for (name, value) in lines {
            try console.write(name + String(repeating: " ", count: width - name.count + 2) + value + "\n")
        }
    }
}

/// A place in a text file. Line and column count from 1; the column counts characters.
public struct SourceMark: Hashable, Sendable {
    public let line: Int
    public let column: Int

    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    public static let start = SourceMark(line: 1, column: 1)
}

extension SourceMark: CustomStringConvertible {
    public var description: String { "line \(line) column \(column)" }
}

/// A mark with its file, written as compilers do, so that editors can jump to it: `config.yaml:7:13`.
public struct SourcePlace: Hashable, Sendable {
    public let file: String
    public let mark: SourceMark

    public init(file: String, mark: SourceMark) {
        self.file = file
        self.mark = mark
    }
}

extension SourcePlace: CustomStringConvertible {
    public var description: String { "\(file):\(mark.line):\(mark.column)" }
}

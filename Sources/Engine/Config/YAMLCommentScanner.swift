/// Tells, byte by byte over a raw YAML text, what is comment.
///
/// A comment begins with `#` at a line's start or after white space, outside quotes and block scalars. The scanner
/// runs before placeholders are expanded, when the text may not be YAML yet: it looks only at quotes, indentation
/// and block scalar headers.
struct YAMLCommentScanner {
    private enum State: Equatable {
        case plain, comment
        case singleQuoted, doubleQuoted
        /// Inside `|` or `>` text, whose lines are indented deeper than `parent`.
        case block(parent: Int)
    }

    private var state = State.plain
    private var afterBackslash = false
    /// The byte before closed a single-quoted scalar: another quote here makes it a doubled one, and it goes on.
    private var justClosedSingle = false
    private var previous = UInt8(ascii: "\n")
    /// The last byte other than white space: a quote opens a scalar only after one that lets a scalar begin.
    private var lastVisible: UInt8?

    /// Takes the byte at `position`; call it for each position in order. True when the byte is part of a comment.
    mutating func advance(over text: [UInt8], at position: Int) -> Bool {
        let byte = text[position]
        defer { previous = byte }
        if byte == UInt8(ascii: "\n") {
            endLine(text, newline: position)
            return false
        }
        let reopens = justClosedSingle && byte == UInt8(ascii: "'")
        justClosedSingle = false
        switch state {
        case .comment: return true
        case .block: return false
        case .plain where reopens: state = .singleQuoted
        case .singleQuoted:
            if byte == UInt8(ascii: "'") {
                close()
                justClosedSingle = true
            }
        case .doubleQuoted:
            if byte == UInt8(ascii: "\""), !afterBackslash { close() }
            afterBackslash = byte == UInt8(ascii: "\\") && !afterBackslash
        case .plain: plain(byte)
        }
        return state == .comment
    }

    private mutating func close() {
        state = .plain
        lastVisible = UInt8(ascii: "\"")
    }

    private mutating func plain(_ byte: UInt8) {
        let isQuote = byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"")
        if byte == UInt8(ascii: "#"), isWhiteSpace(previous) {
            state = .comment
        } else if isQuote, scalarMayBegin {
            state = byte == UInt8(ascii: "'") ? .singleQuoted : .doubleQuoted
            afterBackslash = false
        } else if !isWhiteSpace(byte) {
            lastVisible = byte
        }
    }

    private var scalarMayBegin: Bool {
        guard let lastVisible else { return true }
        return isWhiteSpace(previous)
            ? Self.openers.contains(lastVisible)
            : lastVisible == UInt8(ascii: "[") || lastVisible == UInt8(ascii: "{") || lastVisible == UInt8(ascii: ",")
    }

    private static let openers = Array(":-[{,?".utf8)

    private mutating func endLine(_ text: [UInt8], newline: Int) {
        switch state {
        case .singleQuoted, .doubleQuoted: return
        case .block(let parent):
            if continuesBlock(text, from: newline + 1, parent: parent) { return }
            state = .plain
        case .plain, .comment:
            state = .plain
            if let parent = blockParent(text, newline: newline), continuesBlock(text, from: newline + 1, parent: parent)
            {
                state = .block(parent: parent)
            }
        }
        lastVisible = nil
    }

    /// Blank lines belong to the block; a line indented no deeper than the parent ends it.
    private func continuesBlock(_ text: [UInt8], from start: Int, parent: Int) -> Bool {
        var position = start
        while position < text.count, text[position] == UInt8(ascii: " ") { position += 1 }
        guard position < text.count else { return false }
        let isBlank = text[position] == UInt8(ascii: "\n") || text[position] == UInt8(ascii: "\r")
        return isBlank || position - start > parent
    }

    /// The indentation of the node whose value is a block scalar, if the line that ends at `newline` opens one:
    /// for `- key: |` the column of the key, for `- |` that of the dash.
    private func blockParent(_ text: [UInt8], newline: Int) -> Int? {
        let start = text[..<newline].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        guard endsWithBlockHeader(text[start..<newline]) else { return nil }
        var position = start
        while position < newline, text[position] == UInt8(ascii: " ") { position += 1 }
        var dash: Int?
        while position + 1 < newline, text[position] == UInt8(ascii: "-"), text[position + 1] == UInt8(ascii: " ") {
            dash = position
            position += 1
            while position < newline, text[position] == UInt8(ascii: " ") { position += 1 }
        }
        let isBare = text[position] == UInt8(ascii: "|") || text[position] == UInt8(ascii: ">")
        return (isBare ? dash ?? position : position) - start
    }

    /// `|` or `>` with indicators (`-`, `+`, a digit) as the last word before an optional comment, after `:` or `-`.
    private func endsWithBlockHeader(_ line: ArraySlice<UInt8>) -> Bool {
        var line = line
        for index in line.indices.dropFirst()
        where line[index] == UInt8(ascii: "#") && isWhiteSpace(line[index - 1]) {
            line = line[..<index]
            break
        }
        while let last = line.last, isWhiteSpace(last) { line.removeLast() }
        guard let gap = line.lastIndex(where: isWhiteSpace) else { return false }
        let word = line[(gap + 1)...]
        guard let first = word.first, first == UInt8(ascii: "|") || first == UInt8(ascii: ">") else { return false }
        guard word.dropFirst().allSatisfy({ "+-123456789".utf8.contains($0) }) else { return false }
        guard let before = line[..<gap].last(where: { !isWhiteSpace($0) }) else { return false }
        return before == UInt8(ascii: ":") || before == UInt8(ascii: "-")
    }

    private func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\n")
            || byte == UInt8(ascii: "\r")
    }
}

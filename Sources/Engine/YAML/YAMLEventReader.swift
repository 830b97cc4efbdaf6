import CLibYAML

/// libyaml's event parser over a byte array: the only place that touches the C library.
///
/// Not copyable, because the C struct points into itself and into `text`.
struct YAMLEventReader: ~Copyable {
    /// What the composer needs of a `yaml_event_t`; the C event is freed before this is returned.
    struct Event {
        enum Kind {
            case streamStart, streamEnd, documentStart, documentEnd
            case alias(String)
            case scalar(YAMLScalar, anchor: String?)
            case sequenceStart(anchor: String?)
            case sequenceEnd
            case mappingStart(anchor: String?)
            case mappingEnd
        }

        let kind: Kind
        let mark: SourceMark
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>
    /// Translates a line of the text into the one to report.
    private let fileLine: (Int) -> Int

    init(_ bytes: [UInt8], fileLine: @escaping (Int) -> Int) throws(YAMLError) {
        self.fileLine = fileLine
        parser = .allocate(capacity: 1)
        text = .allocate(capacity: bytes.count)
        _ = text.initialize(from: bytes)
        guard yaml_parser_initialize(parser) == 1 else {
            parser.initialize(to: yaml_parser_t())
            throw YAMLError("out of memory", at: .start)
        }
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, UnsafePointer(text.baseAddress), text.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        text.deallocate()
    }

    mutating func next() throws(YAMLError) -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        let mark = mark(event.start_mark)
        switch event.type {
        case YAML_STREAM_START_EVENT: return Event(kind: .streamStart, mark: mark)
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, mark: mark)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, mark: mark)
        case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, mark: mark)
        case YAML_ALIAS_EVENT:
            return Event(kind: .alias(string(event.data.alias.anchor) ?? ""), mark: mark)
        case YAML_SCALAR_EVENT:
            let scalar = try scalar(event.data.scalar, at: mark)
            return Event(kind: .scalar(scalar, anchor: string(event.data.scalar.anchor)), mark: mark)
        case YAML_SEQUENCE_START_EVENT:
            try checkCollectionTag(event.data.sequence_start.tag, is: "tag:yaml.org,2002:seq", at: mark)
            return Event(kind: .sequenceStart(anchor: string(event.data.sequence_start.anchor)), mark: mark)
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, mark: mark)
        case YAML_MAPPING_START_EVENT:
            try checkCollectionTag(event.data.mapping_start.tag, is: "tag:yaml.org,2002:map", at: mark)
            return Event(kind: .mappingStart(anchor: string(event.data.mapping_start.anchor)), mark: mark)
        default: return Event(kind: .mappingEnd, mark: mark)
        }
    }

    private func string(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        pointer.map { String(cString: $0) }
    }

    private typealias CScalar = yaml_event_t.__Unnamed_union_data.__Unnamed_struct_scalar

    private func scalar(_ scalar: CScalar, at mark: SourceMark) throws(YAMLError) -> YAMLScalar {
        let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
        let tag: YAMLScalar.Tag
        switch string(scalar.tag) {
        case nil: tag = .byStyle
        case "!", "tag:yaml.org,2002:str": tag = .string
        case "tag:yaml.org,2002:int": tag = .integer
        case "tag:yaml.org,2002:float": tag = .float
        case "tag:yaml.org,2002:bool": tag = .bool
        case "tag:yaml.org,2002:null": tag = .null
        case .some(let name): throw unknownTag(name, at: mark)
        }
        return YAMLScalar(
            text: String(decoding: bytes, as: UTF8.self),
            tag: tag,
            isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE
        )
    }

    private func checkCollectionTag(
        _ pointer: UnsafeMutablePointer<yaml_char_t>?,
        is expected: String,
        at mark: SourceMark
    ) throws(YAMLError) {
        guard let tag = string(pointer), tag != expected else { return }
        throw unknownTag(tag, at: mark)
    }

    private func unknownTag(_ tag: String, at mark: SourceMark) -> YAMLError {
        YAMLError("tag `\(tag)` has no meaning here; remove it", at: mark)
    }

    /// libyaml's own words: the problem, and the construct in which it stands.
    private func failure() -> YAMLError {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "not readable as YAML"
        if parser.pointee.error == YAML_READER_ERROR {
            return YAMLError(problem, at: mark(ofByte: Int(parser.pointee.problem_offset)))
        }
        guard let context = parser.pointee.context.map({ String(cString: $0) }) else {
            return YAMLError(problem, at: mark(parser.pointee.problem_mark))
        }
        let place = mark(parser.pointee.context_mark)
        return YAMLError("\(problem) \(context) that begins at \(place)", at: mark(parser.pointee.problem_mark))
    }

    /// Reader errors (bad UTF-8, control characters) carry a byte offset only.
    private func mark(ofByte offset: Int) -> SourceMark {
        let before = text.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = String(decoding: text[lineStart..<before.endIndex], as: UTF8.self).unicodeScalars.count + 1
        return SourceMark(line: fileLine(line), column: column)
    }

    private func mark(_ mark: yaml_mark_t) -> SourceMark {
        SourceMark(line: fileLine(Int(mark.line) + 1), column: Int(mark.column) + 1)
    }
}

extension YAMLNode {
    /// The node as JSON (config-file.md §2).
    ///
    /// Where each member and element stood is added to `marks` under its path below `path`.
    public func json(at path: ConfigPath = .root, marks: inout SourceMarks) throws(YAMLError) -> JSON {
        marks.setValue(mark, at: path)
        switch kind {
        case .scalar(let scalar):
            return try scalar.typed(at: mark)
        case .sequence(let elements):
            var array: [JSON] = []
            array.reserveCapacity(elements.count)
            for (index, element) in elements.enumerated() {
                array.append(try element.json(at: path.index(index), marks: &marks))
            }
            return .array(array)
        case .mapping(let pairs):
            var object = JSONObject()
            for pair in pairs {
                let member = path.member(pair.key)
                marks.setKey(pair.keyMark, at: member)
                object[pair.key] = try pair.value.json(at: member, marks: &marks)
            }
            return .object(object)
        }
    }

    public func json() throws(YAMLError) -> JSON {
        var marks = SourceMarks()
        return try json(marks: &marks)
    }
}

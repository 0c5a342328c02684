import Glibc

/// Panels of horizontal bars as SVG, with nothing but text and rectangles. The colours follow the reader's light or dark
/// scheme.
struct BarChart {
  struct Bar {
    var label: String
    /// One for each series; nil where there is none.
    var values: [Double?]
  }

  struct Panel {
    var title: String
    /// Of the axis.
    var unit: String
    /// Empty when there is only one.
    var series: [String]
    var bars: [Bar]
  }

  var panels: [Panel]
  /// A line at the bottom.
  var note: String

  private enum Size {
    static let width = 860.0
    static let labels = 300.0
    /// For the number behind the longest bar.
    static let numbers = 70.0
    static let bar = 11.0
    static let gap = 9.0
    static let head = 46.0
    static let axis = 48.0
  }

  var svg: String {
    var body: [String] = []
    var top = 12.0
    for panel in self.panels {
      body += Self.draw(panel, top: top)
      top += Self.height(panel)
    }
    body.append(Self.text(self.note, x: 12, y: top + 4, "n"))
    let height = fixed(top + 20, 0)
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(fixed(Size.width, 0)) \(height)" \
      width="\(fixed(Size.width, 0))" height="\(height)" role="img" font-family="system-ui, sans-serif" font-size="12">
      <style>
      :root { color-scheme: light dark }
      .b { fill: #fff } .l, .v { fill: #24292f } .t { fill: #24292f; font-weight: 600; font-size: 14px }
      .a, .n { fill: #57606a; font-size: 11px } .g { stroke: #d0d7de } .s0 { fill: #2f6fb0 } .s1 { fill: #d9822b }
      @media (prefers-color-scheme: dark) {
      .b { fill: #0d1117 } .l, .v, .t { fill: #e6edf3 } .a, .n { fill: #9da7b3 } .g { stroke: #30363d }
      .s0 { fill: #58a6ff } .s1 { fill: #f0a35c }
      }
      </style>
      <rect class="b" width="100%" height="100%"/>
      \(body.joined(separator: "\n"))
      </svg>

      """
  }

  private static func rowHeight(_ panel: Panel) -> Double {
    Double(max(1, panel.series.count)) * Size.bar + Size.gap
  }

  private static func height(_ panel: Panel) -> Double {
    Size.head + Double(panel.bars.count) * self.rowHeight(panel) + Size.axis
  }

  private static func draw(_ panel: Panel, top: Double) -> [String] {
    let room = Size.width - Size.labels - Size.numbers
    let most = panel.bars.flatMap { $0.values.compactMap { $0 } }.filter(\.isFinite).max() ?? 1
    let step = self.step(most)
    let end = max(step, (most / step).rounded(.up) * step)
    func x(_ value: Double) -> Double { Size.labels + room * value / end }
    var lines = [self.text(panel.title, x: 12, y: top + 16, "t")]
    for (index, name) in panel.series.enumerated() {
      let left = Size.labels + Double(index) * 110
      lines.append(self.rectangle(x: left, y: top + 25, width: 11, height: 11, "s\(index)"))
      lines.append(self.text(name, x: left + 16, y: top + 35, "a"))
    }
    let first = top + Size.head
    let last = first + Double(panel.bars.count) * self.rowHeight(panel)
    var tick = 0.0
    while tick <= end + step / 2 {
      let place = fixed(x(tick), 1)
      lines.append("<path class=\"g\" d=\"M\(place) \(fixed(first - 4, 1))V\(fixed(last, 1))\"/>")
      lines.append(self.text(self.tickText(tick, step), x: x(tick), y: last + 14, "a", anchor: "middle"))
      tick += step
    }
    lines.append(self.text(panel.unit, x: Size.labels + room / 2, y: last + 30, "a", anchor: "middle"))
    for (index, bar) in panel.bars.enumerated() {
      let y = first + Double(index) * self.rowHeight(panel)
      let middle = y + self.rowHeight(panel) / 2 - Size.gap / 2 + 4
      lines.append(self.text(bar.label, x: Size.labels - 8, y: middle, "l", anchor: "end"))
      for (series, value) in bar.values.enumerated() {
        guard let value, value.isFinite else { continue }
        let offset = y + Double(series) * Size.bar
        lines.append(
          self.rectangle(
            x: Size.labels, y: offset, width: max(0, x(value) - Size.labels), height: Size.bar - 1,
            "s\(series)"))
        lines.append(self.text(rounded(value), x: max(x(value), Size.labels) + 5, y: offset + 9, "v"))
      }
    }
    return lines
  }

  /// 1, 2 or 5 times a power of ten, so that there are four to ten of them.
  private static func step(_ most: Double) -> Double {
    guard most > 0 else { return 1 }
    let power = pow(10, floor(log10(most / 4)))
    let factor = most / 4 / power
    return power * (factor >= 5 ? 5 : factor >= 2 ? 2 : 1)
  }

  private static func tickText(_ tick: Double, _ step: Double) -> String {
    fixed(tick, step >= 1 ? 0 : step >= 0.1 ? 1 : step >= 0.01 ? 2 : 3)
  }

  private static func text(_ text: String, x: Double, y: Double, _ style: String, anchor: String = "start") -> String {
    var escaped = ""
    for character in text {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      default: escaped.append(character)
      }
    }
    let place = "x=\"\(fixed(x, 1))\" y=\"\(fixed(y, 1))\""
    return "<text class=\"\(style)\" \(place) text-anchor=\"\(anchor)\">\(escaped)</text>"
  }

  private static func rectangle(x: Double, y: Double, width: Double, height: Double, _ style: String) -> String {
    let size = "width=\"\(fixed(width, 1))\" height=\"\(fixed(height, 1))\""
    return "<rect class=\"\(style)\" x=\"\(fixed(x, 1))\" y=\"\(fixed(y, 1))\" \(size)/>"
  }
}

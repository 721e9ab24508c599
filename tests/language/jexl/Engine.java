import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.commons.jexl3.JexlArithmetic;
import org.apache.commons.jexl3.JexlBuilder;
import org.apache.commons.jexl3.JexlEngine;
import org.apache.commons.jexl3.JexlException;
import org.apache.commons.jexl3.JexlExpression;
import org.apache.commons.jexl3.MapContext;

/**
 * Answers expressions with the real engine, as Data Prep is taken to run it: lenient, not silent.
 *
 * The first line of standard input is the record as JSON; every further line is an expression as a
 * JSON string. Each is answered by one line: "syntax", "evaluation", or the value as typed JSON:
 * ["Integer","3"], ["List",[...]], ["Map",[[key,value],...]].
 */
public final class Engine {
    /** Sets and maps keep the order they were written in, so that their text can be compared. */
    private static final class Ordered extends JexlArithmetic {
        Ordered() {
            super(false);
        }

        @Override
        public SetBuilder setBuilder(int size) {
            final Set<Object> set = new LinkedHashSet<>();
            return new SetBuilder() {
                @Override
                public void add(Object value) {
                    set.add(value);
                }

                @Override
                public Object create() {
                    return set;
                }
            };
        }

        @Override
        public MapBuilder mapBuilder(int size) {
            final Map<Object, Object> map = new LinkedHashMap<>();
            return new MapBuilder() {
                @Override
                public void put(Object key, Object value) {
                    map.put(key, value);
                }

                @Override
                public Object create() {
                    return map;
                }
            };
        }
    }

    private Engine() {
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(
            new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintWriter out = new PrintWriter(
            new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        JexlEngine engine = new JexlBuilder()
            .arithmetic(new Ordered()).strict(false).silent(false).create();
        @SuppressWarnings("unchecked")
        Map<String, Object> record = (Map<String, Object>) new Json(in.readLine()).value();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(answer(engine, record, (String) new Json(line).value()));
            out.flush();
        }
    }

    private static String answer(JexlEngine engine, Map<String, Object> record, String source) {
        JexlExpression expression;
        try {
            expression = engine.createExpression(source);
        } catch (JexlException | NumberFormatException refused) {
            return "\"syntax\"";
        }
        try {
            StringBuilder text = new StringBuilder();
            write(text, expression.evaluate(new MapContext(record)));
            return text.toString();
        } catch (RuntimeException failed) {
            return "\"evaluation\"";
        }
    }

    private static void write(StringBuilder text, Object value) {
        if (value == null) {
            text.append("[\"null\",null]");
        } else if (value instanceof Map) {
            String between = "[\"Map\",[";
            for (Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                text.append(between).append('[');
                write(text, entry.getKey());
                text.append(',');
                write(text, entry.getValue());
                text.append(']');
                between = ",";
            }
            text.append(between.equals(",") ? "]]" : "[\"Map\",[]]");
        } else if (value.getClass().isArray()) {
            List<Object> items = new ArrayList<>();
            for (int at = 0; at < Array.getLength(value); ++at) {
                items.add(Array.get(value, at));
            }
            writeAll(text, "Array", items);
        } else if (value instanceof Set) {
            writeAll(text, "Set", (Collection<?>) value);
        } else if (value instanceof List) {
            writeAll(text, "List", (Collection<?>) value);
        } else if (value instanceof Collection && isShort((Collection<?>) value)) {
            writeAll(text, "List", (Collection<?>) value);
        } else {
            text.append("[\"").append(value.getClass().getSimpleName()).append("\",");
            quote(text, String.valueOf(value));
            text.append(']');
        }
    }

    /** Whether items can be written out: a range counts its own modulo 2 to the 32. */
    private static boolean isShort(Collection<?> items) {
        int count = 0;
        for (Object ignored : items) {
            if (++count > 1000) {
                return false;
            }
        }
        return true;
    }

    private static void writeAll(StringBuilder text, String kind, Collection<?> items) {
        text.append("[\"").append(kind).append("\",[");
        String between = "";
        for (Object item : items) {
            text.append(between);
            write(text, item);
            between = ",";
        }
        text.append("]]");
    }

    private static void quote(StringBuilder text, String value) {
        text.append('"');
        for (char unit : value.toCharArray()) {
            if (unit < ' ' || unit > '~' || unit == '"' || unit == '\\') {
                text.append(String.format("\\u%04x", (int) unit));
            } else {
                text.append(unit);
            }
        }
        text.append('"');
    }

    /** As much of a JSON reader as the test's own lines need. */
    private static final class Json {
        private final String text;
        private int at;

        Json(String text) {
            this.text = text;
        }

        Object value() {
            blanks();
            char first = text.charAt(at);
            if (first == '{') {
                return object();
            }
            if (first == '[') {
                return array();
            }
            if (first == '"') {
                return string();
            }
            int start = at;
            while (at < text.length() && ",]} ".indexOf(text.charAt(at)) < 0) {
                ++at;
            }
            return scalar(text.substring(start, at));
        }

        private Object scalar(String word) {
            if (word.equals("null")) {
                return null;
            }
            if (word.equals("true") || word.equals("false")) {
                return word.equals("true");
            }
            if (word.matches("-?[0-9]+")) {
                BigInteger whole = new BigInteger(word);
                if (whole.bitLength() < 32) {
                    return whole.intValueExact();
                }
                return whole.bitLength() < 64 ? (Object) whole.longValueExact() : whole;
            }
            return Double.valueOf(word);
        }

        private Object object() {
            Map<String, Object> members = new LinkedHashMap<>();
            ++at;
            blanks();
            while (text.charAt(at) != '}') {
                String key = (String) value();
                blanks();
                ++at;
                members.put(key, value());
                comma();
            }
            ++at;
            return members;
        }

        private Object array() {
            List<Object> items = new ArrayList<>();
            ++at;
            blanks();
            while (text.charAt(at) != ']') {
                items.add(value());
                comma();
            }
            ++at;
            return items;
        }

        private String string() {
            StringBuilder read = new StringBuilder();
            for (++at; text.charAt(at) != '"'; ++at) {
                char unit = text.charAt(at);
                if (unit == '\\') {
                    unit = text.charAt(++at);
                    if (unit == 'u') {
                        unit = (char) Integer.parseInt(text.substring(at + 1, at + 5), 16);
                        at += 4;
                    } else if ("bfnrt".indexOf(unit) >= 0) {
                        unit = "\b\f\n\r\t".charAt("bfnrt".indexOf(unit));
                    }
                }
                read.append(unit);
            }
            ++at;
            return read.toString();
        }

        private void comma() {
            blanks();
            if (text.charAt(at) == ',') {
                ++at;
                blanks();
            }
        }

        private void blanks() {
            while (at < text.length() && text.charAt(at) == ' ') {
                ++at;
            }
        }
    }
}

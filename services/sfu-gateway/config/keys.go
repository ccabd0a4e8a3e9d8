package config

import "reflect"

// Keys lists every key of config.yaml as section.name, in the order of the file.
func Keys() []string {
	var keys []string
	file := reflect.TypeFor[File]()
	for i := range file.NumField() {
		section := file.Field(i)
		for j := range section.Type.NumField() {
			keys = append(keys, section.Tag.Get("yaml")+"."+section.Type.Field(j).Tag.Get("yaml"))
		}
	}
	return keys
}
